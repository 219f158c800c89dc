import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { shardOf } from '../../src/cli/shard-options.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { findEngine } from '../../src/harness/stack/containers.ts';
import { buildOwnImage } from '../../src/harness/stack/images.ts';
import { SESSION_LABEL } from '../../src/harness/stack/session.ts';
import { readRecord } from '../../src/record/read.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { variablesOf } from '../support/addresses.ts';
import { runIn } from '../support/doorbuster.ts';
import { configMapIn, jobIn, lint, manifest, runPod } from './support/kubernetes.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, startStack } from './support/stacks.ts';

/** The manifests of docs/kubernetes: no cluster is here, but all that is in them but the scheduling is tried. */
const folder = ownFolders('kubernetes');
const scenarioText = configMapIn('load.yaml', 'friday')['friday.yaml'] as string;

describe('the manifests', () => {
  test.each(['load.yaml', 'merge.yaml'])('a linter accepts %s', async (name) => {
    expect(await lint(manifest(name))).toBe('');
  });

  test('and would not, were it wrong', async () => {
    const text = readFileSync(manifest('load.yaml'), 'utf8');
    const wrong = join(folder(), 'wrong.yaml');
    writeFileSync(wrong, text.replace('completionMode:', 'completionMood:'));
    expect(await lint(wrong)).toContain('completionMood');
  });

  test('hold a scenario, and as many shards as pods', () => {
    const { scenario } = parseScenario(scenarioText, { file: 'friday.yaml', set: [] });
    expect(scenario.stack.runtime).toBe('external');
    const { spec } = jobIn('load.yaml');
    const { SHARDS, LOAD } = configMapIn('load.yaml', 'doorbuster-load');
    expect(SHARDS).toBe(String(spec.completions));
    const shard = { shard: `${SHARDS}/${SHARDS}`, load: LOAD as string };
    expect(shardOf(shard, scenario.retail.stores)).toMatchObject({ load: LOAD });
    expect(spec.parallelism).toBe(spec.completions);
    expect(scenario.retail.stores).toBeGreaterThanOrEqual(spec.completions as number);
  });
});

describe.skipIf(runtime.kind !== 'containers')('their containers, as a cluster runs them', () => {
  /** The scenario of the manifest, in small; how it says where the servers are stays as it is. */
  const small = stringify({
    ...parse(scenarioText),
    retail: { stores: 6, skus: 60, assortment: 20, hours: 'flat' },
    traffic: { pos: { receipts: '900/store/h' }, wms: {}, inventory: { preload: 'assortment' } },
    pipeline: { use: 'cdc-upsert', commit_every: '2s', compaction: { by: 'spark' } },
    queries: { every: '2s', cold: 0, round_budget: '100ms' },
    phases: [
      { name: 'load', for: '10s' },
      { name: 'compact', do: 'compact' },
    ],
    checks: ['lost == 0', 'duplicated == 0', 'wrong == 0'],
  });

  test('make a load together, and its merge is the record of it', async () => {
    const { default: Docker } = await import('dockerode');
    const docker = new Docker();
    const signal = AbortSignal.timeout(1_200_000);
    const building = { engine: await findEngine(), lock: readLock(), cacheDir: defaultCacheDir() };
    const image = 'doorbuster/own:test';
    await buildOwnImage(image, { ...building, signal }, () => {});

    const networks = async () => {
      const filters = JSON.stringify({ label: [SESSION_LABEL] });
      return (await docker.listNetworks({ filters })).map(({ Name }) => Name);
    };
    const before = await networks();
    await using stack = await startStack({ runDir: folder() });
    const network = (await networks()).find((name) => !before.includes(name)) as string;
    const { internal, flink, catalog, s3 } = stack.endpoints;
    const among = (server: string, url: string) => `http://${server}:${new URL(url).port}`;

    // As fsGroup gives them to the pod's own user.
    const emptyDir = () => {
      const dir = folder();
      chmodSync(dir, 0o777);
      return dir;
    };
    const folders = { friday: emptyDir(), 'doorbuster-results': emptyDir() };
    writeFileSync(join(folders.friday, 'friday.yaml'), small);
    const env = variablesOf({
      kafka: { brokers: internal.brokers },
      flink: {
        rest: among('flink-jobmanager', flink.rest),
        gateway: among('flink-gateway', flink.gateway),
      },
      catalog: { ...catalog, uri: internal.catalog },
      s3: { ...s3, endpoint: internal.s3 },
      connect: null,
      redis: null,
      postgres: null,
    });
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...servers } = env;
    const given = Object.keys(configMapIn('load.yaml', 'doorbuster-servers'));
    expect(Object.keys(servers)).toEqual(given);
    const variables = {
      'doorbuster-load': { LOAD: 'small', SHARDS: '2' },
      'doorbuster-servers': servers,
      'doorbuster-keys': { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY },
    };
    const cluster = { image, network, folders, emptyDir, variables };

    const shards = await Promise.all(
      [0, 1].map((index) => runPod(docker, jobIn('load.yaml'), { ...cluster, index })),
    );
    for (const { code, said } of shards) {
      expect(code, said).toBe(EXIT.pass);
      expect(said).not.toContain(s3.secretAccessKey);
    }

    const merged = await runPod(docker, jobIn('merge.yaml'), cluster);
    expect([EXIT.pass, EXIT.invalid], merged.said).toContain(merged.code);
    const record = readRecord(runIn(join(folders['doorbuster-results'], 'whole')) as string);
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, keysCompared: 6 * 20 });
    expect(record.compactions.at(-1)).toMatchObject({ outcome: 'committed' });
    expect(record.checks.map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS', 'PASS']);
  }, 1_500_000);
});
