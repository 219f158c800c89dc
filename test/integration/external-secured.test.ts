import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import type { KafkaAccess, KafkaSecurity } from '../../src/harness/clients/endpoints.ts';
import { openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { openProducer } from '../../src/harness/clients/kafka-producer.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { openLab } from '../../src/harness/experiment/lab.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { connectExternal } from '../../src/harness/stack/external.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { type ExternalUse, KAFKA_CLIENTS } from '../../src/scenario/scenario.ts';
import { listening } from '../support/listening.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { readTopics } from './support/read-topics.ts';
import { runtime } from './support/runtime.ts';
import { makeCertificates, type SecuredKafka, startSecuredKafka } from './support/secured-kafka.ts';
import { ownFolders } from './support/stacks.ts';
import { temporaryKeys } from './support/temporary-keys.ts';

/** External servers that ask for TLS, a password or a session token: a broker of this file, and the shared MinIO. */

const folder = ownFolders('secured');
const signal = new AbortController().signal;
const artifacts = locateArtifacts(defaultCacheDir(), readLock());
const USER = 'till';
const PASSWORD = 'a-password-to-keep';
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

let secured: SecuredKafka;
let stranger: string;
let stack: Stack;
let keys: Awaited<ReturnType<typeof temporaryKeys>>;

beforeAll(async () => {
  const dir = folder();
  const starting = startSecuredKafka(dir, { user: USER, password: PASSWORD });
  stranger = makeCertificates(dir, 'stranger').ca;
  stack = (await joinSharedStack()).stack;
  keys = await temporaryKeys(stack.endpoints.s3);
  secured = await starting;
});
afterAll(async () => {
  await secured?.[Symbol.asyncDispose]();
  await stack?.[Symbol.asyncDispose]();
});

function access(
  mechanism: (typeof MECHANISMS)[number],
  over: { readonly password?: string; readonly ca?: string | null } = {},
): KafkaAccess {
  const { password = PASSWORD, ca = secured.ca } = over;
  const security: KafkaSecurity = {
    tls: { ca: ca === null ? null : readFileSync(ca, 'utf8') },
    sasl: { mechanism, username: USER, password },
    flinkConnector: 'plain',
  };
  return { brokers: [secured.address], security };
}

describe.each(KAFKA_CLIENTS)('%s', (client) => {
  const open = (kafka: KafkaAccess) => openProducer(client, { kafka, clientId: 'secured' });

  test.each(MECHANISMS)('produces by TLS and %s, and a consumer reads it', async (mechanism) => {
    await secured.kafka.freshTopics(1);
    const texts = ['first', 'second', 'third'];
    await using producer = await open(access(mechanism));
    for (const text of texts) {
      const message = { topic: 'pos', partition: 0, key: '1', value: Buffer.from(text) };
      await producer.send([message], clock.nowMs());
    }
    const consumed = await readTopics(access(mechanism));
    expect(consumed.map(({ value }) => value.toString())).toEqual(texts);
  });

  test.each(MECHANISMS)('a wrong password is refused at once with %s', async (mechanism) => {
    const startedMs = clock.monotonicMs();
    const error = await open(access(mechanism, { password: 'guessed' })).catch((caught) => caught);
    expect(error).toMatchObject({
      exitCode: 3,
      message: expect.stringContaining(
        `Kafka at ${secured.address} refuses DOORBUSTER_KAFKA_USERNAME and DOORBUSTER_KAFKA_PASSWORD`,
      ),
      hint: expect.stringContaining('export DOORBUSTER_KAFKA_USERNAME='),
    });
    expect(`${error.message} ${error.hint}`).not.toContain('guessed');
    // The libraries themselves would repeat it for two minutes.
    expect(clock.monotonicMs() - startedMs).toBeLessThan(60_000);
  });

  test('an unknown CA is named, and what to set', async () => {
    for (const ca of [null, stranger]) {
      await expect(open(access('plain', { ca }))).rejects.toMatchObject({
        message: expect.stringContaining('has a certificate of an unknown CA'),
        hint: expect.stringContaining('DOORBUSTER_KAFKA_CA'),
      });
    }
  });
});

/** As a user would write it down: Kafka is the broker of this file, the rest is the shared stack. */
function sections(kafkaSecurity: string, kafka = secured.address): string {
  const { flink, s3, internal, catalog } = stack.endpoints;
  return `
stack:
  runtime: external
  partitions: 2
  external:
    kafka: "${kafka}"
    kafka_security: ${kafkaSecurity}
    flink: ${flink.rest}
    gateway: ${flink.gateway}
    catalog: { uri: ${catalog.uri}, warehouse: ${catalog.warehouse} }
    s3: { endpoint: ${s3.endpoint}, bucket: ${s3.bucket} }
    inside: { s3: ${internal.s3}, catalog: ${internal.catalog} }
    prefix: secured
`;
}

const SCENARIO = `
name: secured
seed: 5
retail: { stores: 3, skus: 60, assortment: 30, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  inventory: { preload: assortment }
pipeline: { commit_every: 2s }
queries: { every: 2s, cold: 0, round_budget: 100ms }
phases:
  - { name: load, for: 5s }
checks:
  - lost == 0
`;

const parsed = (text: string) => ({
  ...parseScenario(text, { file: 'secured.yaml', set: [] }),
  file: 'secured.yaml',
});

const variables = () => ({
  DOORBUSTER_KAFKA_USERNAME: USER,
  DOORBUSTER_KAFKA_PASSWORD: PASSWORD,
  AWS_ACCESS_KEY_ID: keys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  AWS_SESSION_TOKEN: keys.sessionToken,
});

/** Everything that is written down of a run, as text. */
function written(dir: string): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('before there is a record, it is said of the server', () => {
  const connect = (env: Readonly<Record<string, string | undefined>>, text?: string) => {
    const security = text ?? `{ tls: true, ca: ${secured.ca}, sasl: scram-sha-512 }`;
    const use = parsed(`${SCENARIO}${sections(security)}`).scenario.stack.external as ExternalUse;
    return connectExternal(use, { signal, artifacts, env: { ...variables(), ...env } });
  };
  const refused = (words: RegExp, hint: RegExp) => ({
    ...{ exitCode: 2, message: expect.stringMatching(words), hint: expect.stringMatching(hint) },
  });

  test('with everything right, all of them answer', async () => {
    const found = await connect({});
    expect(found.endpoints.kafka.security?.sasl?.mechanism).toBe('scram-sha-512');
    await using admin = await openKafkaAdmin(found.endpoints.kafka);
    expect(await admin.brokerCount()).toBe(1);
  });

  test('what is wrong with Kafka’s TLS and SASL', async () => {
    await expect(connect({ DOORBUSTER_KAFKA_PASSWORD: 'guessed' })).rejects.toMatchObject(
      refused(/refuses DOORBUSTER_KAFKA_USERNAME and DOORBUSTER_KAFKA_PASSWORD/, /^export /),
    );
    await expect(connect({ DOORBUSTER_KAFKA_PASSWORD: '' })).rejects.toMatchObject(
      refused(/needs these addresses: DOORBUSTER_KAFKA_PASSWORD$/, /only be exported/),
    );
    await expect(connect({}, '{ tls: true, sasl: plain }')).rejects.toMatchObject(
      refused(/has a certificate of an unknown CA/, /DOORBUSTER_KAFKA_CA/),
    );
    await expect(
      connect({ DOORBUSTER_KAFKA_CA: stranger }, '{ tls: true, sasl: plain }'),
    ).rejects.toMatchObject(refused(/has a certificate of an unknown CA/, /kafka_security/));
    await expect(connect({}, '{ sasl: plain }')).rejects.toMatchObject(
      refused(/is not a Kafka listener without TLS and with SASL$/, /kafka_security/),
    );
    await expect(connect({}, '{}')).rejects.toMatchObject(
      refused(/is not a Kafka listener without TLS and without SASL$/, /kafka_security/),
    );
    const none = join(folder(), 'none.pem');
    await expect(connect({}, `{ tls: true, ca: ${none} }`)).rejects.toMatchObject(
      refused(/cannot read .*none\.pem: there is no such file/, /DOORBUSTER_KAFKA_CA/),
    );
    writeFileSync(none, 'no certificate');
    await expect(connect({}, `{ tls: true, ca: ${none} }`)).rejects.toMatchObject(
      refused(/none\.pem has no certificate in PEM/, /DOORBUSTER_KAFKA_CA/),
    );
  }, 120_000);

  test('temporary keys without their token, with another one, and expired', async () => {
    await expect(connect({ AWS_SESSION_TOKEN: undefined })).rejects.toMatchObject(
      refused(/the object store .* refuses /, /export /),
    );
    const error = await connect({ AWS_SESSION_TOKEN: 'another-token' }).catch((caught) => caught);
    expect(error).toMatchObject(
      refused(/refuses AWS_SESSION_TOKEN: InvalidToken/, /AWS_SESSION_TOKEN/),
    );
    expect(`${error.message} ${error.hint}`).not.toContain('another-token');
    // MinIO's temporary keys last at least fifteen minutes: this is the answer of S3 after that.
    const expired = createServer((_, response) => {
      response.writeHead(400, { 'content-type': 'application/xml' });
      response.end(
        '<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>',
      );
    });
    using store = await listening(expired);
    const security = `{ tls: true, ca: ${secured.ca}, sasl: scram-sha-512 }`;
    const use = parsed(`${SCENARIO}${sections(security)}`).scenario.stack.external as ExternalUse;
    const at = { ...use, s3: { ...use.s3, endpoint: `http://${store.at}` } };
    await expect(
      connectExternal(at, { signal, artifacts, env: variables() }),
    ).rejects.toMatchObject(
      refused(/temporary keys, which have expired: ExpiredToken/, /AWS_SESSION_TOKEN=…/),
    );
  });
});

// The broker is on this machine's loopback, where a Flink in a container does not come.
test.runIf(runtime.kind === 'processes')(
  'a run by SASL_SSL with temporary keys is complete, keeps the secrets and leaves nothing',
  async () => {
    Object.assign(process.env, variables());
    const security = `{ tls: true, ca: ${secured.ca}, sasl: scram-sha-512, flink_connector: plain }`;
    const scenario = parsed(`${SCENARIO}${sections(security)}`);
    const said: string[] = [];
    await using lab = await openLab({
      ...{ scenarios: [scenario], baseDir: packageRoot, runtime: runtime.kind, keep: false },
      ...{ artifacts, clock, signal, onLine: () => {} },
    });
    const { record, dir } = await lab.run({
      ...{ parsed: scenario, resultsDir: folder(), baseDir: packageRoot, signal },
      reproduce: 'doorbuster run secured.yaml',
      onEvent: (event) => void said.push(JSON.stringify(event)),
    });
    expect(record.failures).toEqual([]);
    expect(record.outcome).toBe('completed');
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, keysCompared: 3 * 30 });
    for (const text of [written(dir), said.join('\n')]) {
      for (const secret of [PASSWORD, keys.secretAccessKey, keys.sessionToken]) {
        expect(text.includes(secret)).toBe(false);
      }
    }
    await using admin = await openKafkaAdmin(secured.kafka);
    await expect(admin.logs(`${record.stack?.topicPrefix}pos`)).rejects.toThrow('no topic');
    using bucket = openBucket({ ...stack.endpoints.s3, ...keys });
    for await (const { key } of bucket.list(`${record.stack?.namespace}/`)) {
      expect(key, 'left in the bucket').toBeUndefined();
    }
  },
  600_000,
);
