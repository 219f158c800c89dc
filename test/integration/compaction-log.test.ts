import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Endpoints } from '../../src/harness/clients/endpoints.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { spark } from '../../src/harness/pipelines/compactions/spark.ts';
import { inNamespace, loadPipeline } from '../../src/harness/pipelines/load.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { archiveFolder } from '../../src/harness/stack/class-archives.ts';
import { filesInImages } from '../../src/harness/stack/images.ts';
import { launchAuxiliary } from '../../src/harness/stack/processes.ts';
import type { Launched } from '../../src/harness/stack/server.ts';
import { launch } from '../../src/harness/stack/server-process.ts';
import { PLAIN_NAMESPACE } from '../support/run-namespace.ts';

/** Servers that are not used: the script here names no table. */
const NOWHERE: Endpoints = {
  ...{ kafka: { brokers: [] }, flink: { rest: '', gateway: '' } },
  catalog: { uri: 'http://127.0.0.1:9', warehouse: 's3://none/', auth: { kind: 'none' } },
  s3: {
    ...{ endpoint: 'http://127.0.0.1:9', region: 'none', bucket: 'none' },
    ...{ accessKeyId: 'none', secretAccessKey: 'none' },
  },
  connect: null,
  redis: null,
  postgres: null,
  internal: { brokers: [], s3: 'http://127.0.0.1:9', catalog: 'http://127.0.0.1:9' },
};

test('an engine that has to write its classes down does so after the compaction, and not in it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-compact-'));
  await using _made = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  vi.stubEnv('XDG_STATE_HOME', join(dir, 'state'));
  const archives = { store: archiveFolder(join(dir, 'archives'), dir), restarted: [] };
  const artifacts = locateArtifacts(defaultCacheDir(), readLock());
  const pipeline = inNamespace(loadPipeline('cdc-upsert', packageRoot), PLAIN_NAMESPACE);
  const compacted = async () => {
    let launched: Launched | undefined;
    const result = await spark.run(
      { ...pipeline, compact: { path: 'compact.sql', text: 'SELECT 6 * 7;' } },
      {
        stack: {
          endpoints: NOWHERE,
          inProcess: null,
          async launch(program) {
            launched = await launchAuxiliary(artifacts, program, archives);
            return launched;
          },
        },
        ...{ clock: systemClock, signal: new AbortController().signal, logDir: dir },
      },
    );
    expect(result).toMatchObject({ outcome: 'committed', error: null });
    expect(result.output).toContain('42');
    return launched as Launched;
  };
  const first = await compacted();
  expect(first.fromArchive).toBe(false);
  // Frozen, and with nothing written: neither takes a core in what is measured next.
  expect(existsSync(archives.store.dir)).toBe(false);
  const stateOf = (pid: number) =>
    /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  // A paused process has the state T when all of its threads are stopped.
  await expect.poll(() => stateOf(first.pid as number)?.[1], { timeout: 5_000 }).toBe('T');
  await first.resume();
  expect(await first.exited).toMatchObject({ code: 0 });
  expect(await readdir(archives.store.dir)).toEqual([expect.stringMatching(/^spark-.*\.jsa$/)]);
  // With an archive to start from there is nothing to write, and so nothing to hold.
  const second = await compacted();
  expect(second).toMatchObject({ fromArchive: true });
  expect(second.keepClasses).toBeUndefined();
  expect(await second.exited).toMatchObject({ code: 0 });
  vi.unstubAllEnvs();
}, 300_000);

test('an engine that ends without a result is a failed compaction, with the cause from its log', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-compact-'));
  await using _made = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  // A Java without Spark: it looks for the main class and says that there is none.
  const artifacts = { ...filesInImages(readLock()), sparkClasspath: join(dir, 'nothing') };
  const result = await spark.run(
    inNamespace(loadPipeline('cdc-upsert', packageRoot), PLAIN_NAMESPACE),
    {
      stack: {
        endpoints: NOWHERE,
        inProcess: null,
        async launch({ files, command, log, onLine }) {
          for (const [name, text] of Object.entries(files({ internal: false }))) {
            await writeFile(join(dir, name), text);
          }
          const its = command({ java: 'java', artifacts, dir, internal: false });
          return launch(its, { workDir: dir, log, onLine });
        },
      },
      clock: systemClock,
      signal: new AbortController().signal,
      logDir: dir,
    },
  );
  expect(result).toMatchObject({ outcome: 'failed', engineReadyMs: null, committedMs: null });
  expect(result.error).toMatch(/SparkSQLCLIDriver/);
  expect(await readdir(dir)).toContain('spark-compaction.log');
});
