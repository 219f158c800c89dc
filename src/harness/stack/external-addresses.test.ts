import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DoorbusterError } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { parseScenario } from '../../scenario/parse.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import { externalEndpoints } from './external.ts';

const HEAD = `name: elsewhere
retail: { stores: 2, skus: 20 }
traffic: { pos: { receipts: 60/store/h } }
pipeline: { use: append-ledger, commit_every: 2s }
phases: [{ name: steady, for: 10s }]
`;

function useOf(external: string): ExternalUse {
  const text = `${HEAD}stack: { runtime: external, external: ${external} }`;
  return parseScenario(text, { file: 'x.yaml' }).scenario.stack.external as ExternalUse;
}

const NOTHING_SAID = useOf('{}');
const RIGHT = {
  DOORBUSTER_KAFKA: 'broker-1:9092,broker-2:9092',
  DOORBUSTER_FLINK: 'http://flink:8081',
  DOORBUSTER_GATEWAY: 'http://flink:8083',
  DOORBUSTER_CATALOG: 'https://catalog.example/api',
  DOORBUSTER_WAREHOUSE: 'lake',
  DOORBUSTER_S3: 'http://[::1]:9000',
  DOORBUSTER_S3_BUCKET: 'lake',
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'key',
  AWS_SECRET_ACCESS_KEY: 'kept to itself',
  AWS_SESSION_TOKEN: 'temporary',
  DOORBUSTER_KAFKA_USERNAME: 'me',
  DOORBUSTER_KAFKA_PASSWORD: 'kept as well',
};

function refusalOf(env: Readonly<Record<string, string>>): DoorbusterError | undefined {
  try {
    externalEndpoints(NOTHING_SAID, env);
    return undefined;
  } catch (error) {
    // Anything else would be reported as a bug.
    expect(error).toBeInstanceOf(DoorbusterError);
    expect((error as DoorbusterError).exitCode).toBe(EXIT.badInput);
    return error as DoorbusterError;
  }
}

test('addresses from the environment are those that are used', () => {
  expect(externalEndpoints(NOTHING_SAID, RIGHT)).toMatchObject({
    kafka: { brokers: ['broker-1:9092', 'broker-2:9092'] },
    flink: { rest: 'http://flink:8081', gateway: 'http://flink:8083' },
    s3: { endpoint: 'http://[::1]:9000', region: 'eu-central-1', sessionToken: 'temporary' },
  });
});

const ADDRESSES = [
  'DOORBUSTER_FLINK',
  'DOORBUSTER_GATEWAY',
  'DOORBUSTER_CATALOG',
  'DOORBUSTER_S3',
] as const;
const PASSWORD = 'hunter2secret';

test.each([
  ...ADDRESSES.map((name) => [name, 'flink:8081'] as const),
  ...ADDRESSES.map((name) => [name, `http://me:${PASSWORD}@host:1`] as const),
  ...ADDRESSES.map((name) => [name, 'http://host:99999'] as const),
  ['DOORBUSTER_KAFKA', 'broker'] as const,
  ['DOORBUSTER_KAFKA', `me:${PASSWORD}@broker:9092`] as const,
  ['DOORBUSTER_KAFKA', 'broker:99999'] as const,
  ['DOORBUSTER_S3_BUCKET', 'two words'] as const,
  ['AWS_SECRET_ACCESS_KEY', `${PASSWORD}\nX-Injected: yes`] as const,
  ['AWS_SESSION_TOKEN', `${PASSWORD}\nX-Injected: yes`] as const,
])('%s=%j is refused by its name, without its value', (name, value) => {
  const refusal = refusalOf({ ...RIGHT, [name]: value });
  expect(refusal?.message).toMatch(new RegExp(`^${name} must be`));
  expect(`${refusal?.message} ${refusal?.hint}`).not.toContain(PASSWORD);
});

test('a scenario refuses the same addresses', () => {
  for (const external of ['{ flink: "http://host:99999" }', '{ kafka: "broker:99999" }']) {
    expect(() => useOf(external)).toThrow(/must be/);
  }
});

test('no environment is a bug of ours: it is used, or refused with exit code 2', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.webUrl(),
    fc
      .tuple(fc.constantFrom(...Object.values(RIGHT)), fc.nat(30), fc.string({ maxLength: 3 }))
      .map(([text, at, more]) => text.slice(0, at) + more + text.slice(at)),
  );
  const names = Object.keys(RIGHT) as (keyof typeof RIGHT)[];
  fc.assert(
    fc.property(fc.constantFrom(...names), value, (name, text) => {
      if (refusalOf({ ...RIGHT, [name]: text }) !== undefined) return;
      const { flink, s3, catalog, kafka } = externalEndpoints(NOTHING_SAID, {
        ...RIGHT,
        [name]: text,
      });
      for (const url of [flink.rest, flink.gateway, s3.endpoint, catalog.uri]) {
        expect(new URL(url)).toMatchObject({ username: '', password: '' });
      }
      for (const broker of kafka.brokers) expect(URL.canParse(`http://${broker}`)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

describe('kafka_security', () => {
  const SECURED = useOf('{ kafka_security: { tls: true, sasl: scram-sha-256 } }');
  const securityOf = (use: ExternalUse, env: Readonly<Record<string, string>> = RIGHT) =>
    externalEndpoints(use, env).kafka.security;

  test('takes user and password from the environment, and is absent without it', () => {
    expect(securityOf(NOTHING_SAID)).toBeUndefined();
    expect(securityOf(SECURED)).toEqual({
      tls: { ca: null },
      sasl: { mechanism: 'scram-sha-256', username: 'me', password: 'kept as well' },
      flinkConnector: 'sql',
    });
    expect(securityOf(useOf('{ kafka_security: { tls: true } }'))?.sasl).toBeNull();
  });

  test('a missing user or password is named, and so is one that no line can contain', () => {
    const { DOORBUSTER_KAFKA_USERNAME: _, DOORBUSTER_KAFKA_PASSWORD: __, ...without } = RIGHT;
    expect(() => securityOf(SECURED, without)).toThrow(
      'needs these addresses: DOORBUSTER_KAFKA_USERNAME, DOORBUSTER_KAFKA_PASSWORD',
    );
    const broken = { ...RIGHT, DOORBUSTER_KAFKA_PASSWORD: `${PASSWORD}\nx` };
    expect(() => securityOf(SECURED, broken)).toThrow(
      /^DOORBUSTER_KAFKA_PASSWORD must be one line/,
    );
    expect(() => securityOf(SECURED, broken)).not.toThrow(PASSWORD);
  });

  test('a CA file that is none is refused, and a CA without TLS as well', () => {
    const env = { ...RIGHT, DOORBUSTER_KAFKA_CA: 'package.json' };
    expect(() => securityOf(SECURED, env)).toThrow('package.json has no certificate in PEM');
    const missing = { ...RIGHT, DOORBUSTER_KAFKA_CA: 'nowhere.pem' };
    expect(() => securityOf(SECURED, missing)).toThrow('cannot read nowhere.pem');
    expect(() => useOf('{ kafka_security: { ca: ca.pem } }')).toThrow('without tls: true');
  });
});
