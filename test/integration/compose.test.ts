import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { kafkaAnswers } from '../../src/harness/clients/kafka-admin.ts';
import { redisAnswers } from '../../src/harness/clients/redis-answers.ts';
import { openSqlSession } from '../../src/harness/clients/sql-gateway.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { serversOfShipped } from '../../src/harness/experiment/servers-used.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { composeFile } from '../../src/harness/stack/compose.ts';
import { findEngine } from '../../src/harness/stack/containers.ts';
import { buildImages } from '../../src/harness/stack/images.ts';
import { runtime } from './support/runtime.ts';

/** The newer client has it as a plugin, the older one is a program of its own. */
const compose = [['docker', 'compose'], ['docker-compose']].find(
  ([program = '', ...args]) => spawnSync(program, [...args, 'version']).status === 0,
);
const missing = runtime.kind !== 'containers' || compose === undefined;

describe.skipIf(missing)('the servers of a compose file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-compose-'));
  const { signal } = new AbortController();

  async function composed(...args: readonly string[]): Promise<void> {
    const [program = '', ...first] = compose ?? [];
    await promisify(execFile)(program, [...first, ...args], { cwd: dir });
  }

  async function until(fact: () => Promise<boolean>): Promise<void> {
    const deadline = clock.monotonicMs() + 60_000;
    while (!(await fact().catch(() => false)) && clock.monotonicMs() < deadline) {
      await clock.sleep(500);
    }
    expect(await fact()).toBe(true);
  }

  const slots = async () => {
    const answer = await fetch('http://127.0.0.1:8081/overview');
    return ((await answer.json()) as Record<string, number>)['slots-total'];
  };

  beforeAll(async () => {
    const lock = readLock();
    const engine = await findEngine();
    const building = { engine, lock, cacheDir: defaultCacheDir(), signal };
    await buildImages(['kafka', 'minio', 'catalog', 'flink', 'redis'], building, () => {});
    writeFileSync(join(dir, 'compose.yaml'), composeFile(lock, packageRoot, serversOfShipped()));
    await composed('up', '-d', '--no-build');
  });

  afterAll(async () => {
    await composed('down', '-v');
    rmSync(dir, { recursive: true, force: true });
  });

  it('answer on their customary ports, all of them', async () => {
    await until(async () => (await slots()) === 20);
    await until(() => kafkaAnswers({ brokers: ['127.0.0.1:9092'] }));
    await until(() => redisAnswers('127.0.0.1', 6379));
    for (const page of ['9001/', '8181/v1/config', '8083/v1/info']) {
      expect((await fetch(`http://127.0.0.1:${page}`)).status, page).toBe(200);
    }
    await using session = await openSqlSession('http://127.0.0.1:8083', { clock, signal });
    expect(await session.run('SELECT 1 AS answer')).toEqual([{ answer: 1 }]);
  });

  it('come back after a stop', async () => {
    await composed('stop', '-t', '3');
    await composed('up', '-d', '--no-build');
    await until(async () => (await slots()) === 20);
    await until(() => kafkaAnswers({ brokers: ['127.0.0.1:9092'] }));
  });
});
