import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { openLab } from '../../src/harness/experiment/lab.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { connectExternal } from '../../src/harness/stack/external.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import type { CompactionRecord } from '../../src/record/record.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import type { ExternalUse } from '../../src/scenario/scenario.ts';
import { variablesOf } from '../support/addresses.ts';
import { type CatalogGuard, guardCatalog } from '../support/catalog-guard.ts';
import { endOf } from '../support/completed.ts';
import { listening } from '../support/listening.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders } from './support/stacks.ts';

const folder = ownFolders('external');
const signal = new AbortController().signal;
const artifacts = locateArtifacts(defaultCacheDir(), readLock());
const TOKEN = 'a-token-that-nobody-may-see';
const SECRET = 'a-secret-that-nobody-may-see';

let stack: Stack;
let guard: CatalogGuard;

beforeAll(async () => {
  stack = (await joinSharedStack()).stack;
  guard = await guardCatalog(stack.endpoints.catalog.uri, {
    token: TOKEN,
    id: 'me',
    secret: SECRET,
  });
});
afterAll(async () => {
  await guard?.[Symbol.asyncDispose]();
  await stack?.[Symbol.asyncDispose]();
});

/** As a user would write it down, in front of the guard or not. */
function sections(over: { readonly auth?: string; readonly catalog?: string } = {}): string {
  const { kafka, flink, s3, internal, catalog } = stack.endpoints;
  return `
stack:
  runtime: external
  partitions: 2
  external:
    kafka: ${kafka.brokers.join(',')}
    flink: ${flink.rest}
    gateway: ${flink.gateway}
    catalog: { uri: ${over.catalog ?? catalog.uri}, warehouse: ${catalog.warehouse}, auth: ${over.auth ?? 'none'} }
    s3: { endpoint: ${s3.endpoint}, bucket: ${s3.bucket} }
    inside: { kafka: ${internal.brokers.join(',')}, s3: ${internal.s3}, catalog: ${over.catalog ?? internal.catalog} }
    prefix: nightly
`;
}

const SCENARIO = `
name: elsewhere
seed: 5
retail: { stores: 3, skus: 60, assortment: 30, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  wms: {}
  inventory: { preload: assortment }
pipeline: { commit_every: 4s, compaction: { by: spark } }
queries: { every: 2s, cold: 0, round_budget: 100ms }
phases:
  - { name: load, for: 10s }
  - { name: compact, do: compact }
  - { name: again, do: compact }
checks:
  - lost == 0
`;

const parsed = (text: string) => ({
  ...parseScenario(text, { file: 'elsewhere.yaml', set: [] }),
  file: 'elsewhere.yaml',
});

function use(text = sections()): ExternalUse {
  return parsed(`${SCENARIO}${text}`).scenario.stack.external as ExternalUse;
}

const keys = () => ({
  AWS_ACCESS_KEY_ID: stack.endpoints.s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: stack.endpoints.s3.secretAccessKey,
});

/** Everything that is written down of a run, as text. */
function written(dir: string): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test('a run on servers that were there before it keeps apart from others, and leaves nothing', async () => {
  Object.assign(process.env, keys(), { DOORBUSTER_CATALOG_CREDENTIAL: `me:${SECRET}` });
  // The guard is on this machine's loopback, where a Flink in a container does not come.
  const guarded = runtime.kind === 'processes';
  const auth = guarded ? { auth: 'oauth2', catalog: guard.uri } : {};
  const resultsDir = folder();
  const said: string[] = [];
  const scenario = parsed(`${SCENARIO}${sections(auth)}`);
  await using lab = await openLab({
    ...{ scenarios: [scenario], baseDir: packageRoot, runtime: runtime.kind, keep: false },
    ...{ artifacts, clock, signal, onLine: () => {} },
  });
  expect(lab.persistent).toBeNull();
  const { record, dir } = await lab.run({
    ...{ parsed: scenario, resultsDir, baseDir: packageRoot, signal },
    reproduce: 'doorbuster run elsewhere.yaml',
    onEvent: (event) => void said.push(JSON.stringify(event)),
  });
  expect(endOf(record)).toBe('completed');
  expect(record.environment.runtime).toBe('external, shared');
  expect(record.stack?.topicPrefix).toMatch(/^nightly_\w+_$/);
  expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, keysCompared: 3 * 30 });
  // Each of two compactions has a result of its own, with the files at its own marks.
  const { compactions = [] } = record;
  expect(compactions.map(({ error }) => error)).toEqual([undefined, undefined]);
  expect(compactions).toMatchObject([
    { phase: 'compact', outcome: 'committed', tables: ['inventory'] },
    { phase: 'again', outcome: 'committed', tables: ['inventory'] },
  ]);
  const [first, second] = compactions as [CompactionRecord, CompactionRecord];
  expect(second.startMs).toBeGreaterThan(first.endMs);
  const marked = (mark: string) =>
    record.layout?.marks.find((one) => one.mark === mark && one.table === 'inventory')?.dataFiles;
  for (const { phase, before, after } of compactions) {
    expect(before?.dataFiles).toBe(marked(`${phase}:start`));
    expect(after?.dataFiles).toBe(marked(phase as string));
  }
  expect(record.compactions.at(-1)).toEqual(second);
  const logs = ['spark-compaction.log', 'spark-compaction-again.log'];
  expect(readdirSync(join(dir, 'logs'))).toEqual(expect.arrayContaining(logs));
  if (guarded) expect(guard.issued()).toBeGreaterThan(0);

  for (const text of [written(dir), said.join('\n')]) {
    for (const secret of [SECRET, TOKEN, keys().AWS_SECRET_ACCESS_KEY]) {
      expect(text.includes(secret)).toBe(false);
    }
  }

  await using admin = await openKafkaAdmin(stack.endpoints.kafka);
  await expect(admin.logs(`${record.stack?.topicPrefix}pos`)).rejects.toThrow('no topic');
  const namespaces = await fetch(`${stack.endpoints.catalog.uri}/v1/namespaces`);
  const namespace = record.stack?.namespace as string;
  const { namespaces: left } = (await namespaces.json()) as { namespaces: string[][] };
  expect(left).not.toContainEqual([namespace]);
  using bucket = openBucket(stack.endpoints.s3);
  for await (const { key } of bucket.list(`${namespace}/`)) {
    expect(key, 'left in the bucket').toBeUndefined();
  }
}, 600_000);

describe('what is wrong with an endpoint is said of that endpoint, before there is a record', () => {
  let web: Awaited<ReturnType<typeof listening>>;
  beforeAll(async () => {
    web = await listening(createServer((_, response) => response.end('<h1>hello</h1>')));
  });
  afterAll(() => web[Symbol.dispose]());

  const connect = (change: (use: ExternalUse) => ExternalUse, env = {}) =>
    connectExternal(change(use()), { signal, artifacts, env: { ...keys(), ...env } });
  const refused = (words: RegExp) => ({ exitCode: 2, message: expect.stringMatching(words) });

  test('as it is, everything answers, and nothing of it is ours to end', async () => {
    const found = await connect((as) => as);
    expect(found).toMatchObject({ runtime: 'external', stateDir: null });
    expect(found.versions.flink).toBe(stack.versions.flink);
    await found.stop();
    await using admin = await openKafkaAdmin(stack.endpoints.kafka);
    expect(await admin.brokerCount()).toBe(1);
  });

  const POINTED: readonly [string, (use: ExternalUse, at: string) => ExternalUse, string][] = [
    ['kafka', (as, at) => ({ ...as, kafka: at }), 'Kafka'],
    ['flink', (as, at) => ({ ...as, flink: `http://${at}` }), 'REST interface'],
    ['gateway', (as, at) => ({ ...as, gateway: `http://${at}` }), 'SQL Gateway'],
    [
      'catalog',
      (as, at) => ({ ...as, catalog: { ...as.catalog, uri: `http://${at}` } }),
      'Iceberg REST catalog',
    ],
    ['s3', (as, at) => ({ ...as, s3: { ...as.s3, endpoint: `http://${at}` } }), 'S3'],
  ];

  test.each(POINTED)('%s: no server, or another one', async (_, change, what) => {
    await expect(connect((as) => change(as, '127.0.0.1:1'))).rejects.toMatchObject(
      refused(/^nothing answers at .*127\.0\.0\.1:1/),
    );
    await expect(connect((as) => change(as, web.at))).rejects.toMatchObject(
      refused(new RegExp(`^what answers at .*${web.at}.* is not .*${what}`)),
    );
    if (what !== 'Kafka') {
      const [broker = ''] = stack.endpoints.kafka.brokers;
      await expect(connect((as) => change(as, broker))).rejects.toMatchObject(
        refused(new RegExp(`^what answers at .*${broker}`)),
      );
    }
  });

  test('a server that accepts a connection and stays silent is not awaited', async () => {
    using mute = await listening(createTcpServer());
    await Promise.all(
      POINTED.map(([, change, what]) =>
        expect(connect((as) => change(as, mute.at))).rejects.toMatchObject(
          refused(new RegExp(`^what answers at .*${mute.at}.* is not .*${what}`)),
        ),
      ),
    );
  }, 60_000);

  test('a Flink that has no place for savepoints, with which a run ends its jobs', async () => {
    const { rest } = stack.endpoints.flink;
    const answered = createServer(async ({ url = '/' }, response) => {
      const bare = url === '/jobmanager/config';
      response.end(bare ? '[]' : await (await fetch(`${rest}${url}`)).text());
    });
    using door = await listening(answered);
    await expect(connect((as) => ({ ...as, flink: `http://${door.at}` }))).rejects.toMatchObject(
      refused(new RegExp(`^the Flink at ${door.at} has no folder for savepoints`)),
    );
  });

  test('a wrong key of the object store, and a bucket that it does not have', async () => {
    await expect(connect((as) => as, { AWS_ACCESS_KEY_ID: 'stranger' })).rejects.toMatchObject(
      refused(/refuses AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: InvalidAccessKeyId/),
    );
    const wrong = { AWS_SECRET_ACCESS_KEY: 'wrong-secret' };
    const error = await connect((as) => as, wrong).catch((caught) => caught);
    expect(error).toMatchObject(refused(/SignatureDoesNotMatch/));
    expect(JSON.stringify([error.message, error.hint, error.stack])).not.toContain('wrong-secret');
    await expect(
      connect((as) => ({ ...as, s3: { ...as.s3, bucket: 'nowhere' } })),
    ).rejects.toMatchObject(refused(/has no bucket nowhere/));
  });

  test('a catalog with authentication', async () => {
    const at = (auth: ExternalUse['catalog']['auth']) => (as: ExternalUse) => ({
      ...as,
      catalog: { ...as.catalog, uri: guard.uri, auth },
    });
    await expect(connect(at('none'))).rejects.toMatchObject(
      refused(/refuses requests without a credential: HTTP 401/),
    );
    const token = (text: string) => ({ DOORBUSTER_CATALOG_TOKEN: text });
    await expect(connect(at('bearer'), token('stolen'))).rejects.toMatchObject(
      refused(/refuses the credential \(bearer\): HTTP 401/),
    );
    expect((await connect(at('bearer'), token(TOKEN))).runtime).toBe('external');
    const credential = (text: string) => ({ DOORBUSTER_CATALOG_CREDENTIAL: text });
    await expect(connect(at('oauth2'), credential('me:guess'))).rejects.toMatchObject(
      refused(/gives no token for DOORBUSTER_CATALOG_CREDENTIAL \(HTTP 401\)/),
    );
    const from = (tokenUri: string) => (as: ExternalUse) => {
      const pointed = at('oauth2')(as);
      return { ...pointed, catalog: { ...pointed.catalog, tokenUri } };
    };
    const known = credential(`me:${SECRET}`);
    await expect(connect(from('http://127.0.0.1:1/token'), known)).rejects.toMatchObject(
      refused(/^nothing answers at 127\.0\.0\.1:1$/),
    );
    await expect(connect(from(`http://${web.at}/token`), known)).rejects.toMatchObject(
      refused(/gives no token for DOORBUSTER_CATALOG_CREDENTIAL \(HTTP 200\)/),
    );
    await expect(connect(at('oauth2'), credential('me'))).rejects.toMatchObject(
      refused(/is not an id and a secret/),
    );
    expect((await connect(at('oauth2'), credential(`me:${SECRET}`))).runtime).toBe('external');
  });

  test('a catalog that does not have the warehouse says so in its own words', async () => {
    const words = {
      error: { message: 'no warehouse autumn', type: 'NotFoundException', code: 404 },
    };
    const answered = createServer((_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(words));
    });
    using picky = await listening(answered);
    const unknown = { uri: `http://${picky.at}`, warehouse: 'autumn' };
    await expect(
      connect((as) => ({ ...as, catalog: { ...as.catalog, ...unknown } })),
    ).rejects.toMatchObject(
      refused(/has no configuration for the warehouse autumn \(HTTP 404\): no warehouse autumn$/),
    );
  });

  test('all missing addresses are reported at once, each with its key and its variable', async () => {
    const nothing = parsed(`${SCENARIO}stack: { runtime: external }`).scenario.stack.external;
    await expect(
      connectExternal(nothing as ExternalUse, { signal, artifacts, env: {} }),
    ).rejects.toMatchObject(refused(/kafka \(or DOORBUSTER_KAFKA\).*AWS_SECRET_ACCESS_KEY/));
    const { kafka, flink, s3 } = stack.endpoints;
    const env = variablesOf(stack.endpoints);
    const found = await connectExternal(nothing as ExternalUse, { signal, artifacts, env });
    expect(found.endpoints).toMatchObject({ kafka, flink, s3 });
  });
});
