import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { compactWithSpark } from '../../src/harness/pipelines/compact-spark.ts';
import { loadPipeline, placed } from '../../src/harness/pipelines/load.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { filesInImages } from '../../src/harness/stack/images.ts';
import { launch } from '../../src/harness/stack/server-process.ts';
import { PLAIN } from '../support/place.ts';

test('an engine that ends without a word of its own is a failed compaction, told by its log', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-compact-'));
  await using _made = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  const s3 = { endpoint: 'http://127.0.0.1:9', region: 'none', bucket: 'none' };
  const catalog = {
    ...{ uri: 'http://127.0.0.1:9', warehouse: 's3://none/' },
    auth: { kind: 'none' as const },
  };
  // A Java without Spark: it looks for the main class and says that there is none.
  const artifacts = { ...filesInImages(readLock()), sparkClasspath: join(dir, 'nothing') };
  const result = await compactWithSpark(placed(loadPipeline('cdc-upsert', packageRoot), PLAIN), {
    stack: {
      endpoints: {
        ...{ kafka: { brokers: [] }, flink: { rest: '', gateway: '' }, catalog },
        s3: { ...s3, accessKeyId: 'none', secretAccessKey: 'none' },
        inside: { brokers: [], s3: s3.endpoint, catalog: catalog.uri },
      },
      async launch({ files, command, log, onLine }) {
        for (const [name, text] of Object.entries(files({ inside: false }))) {
          await writeFile(join(dir, name), text);
        }
        const its = command({ java: 'java', artifacts, dir, inside: false });
        return launch(its, { workDir: dir, log, onLine });
      },
    },
    clock: systemClock,
    signal: new AbortController().signal,
    logDir: dir,
  });
  expect(result).toMatchObject({ outcome: 'failed', engineReadyMs: null, committedMs: null });
  expect(result.error).toMatch(/SparkSQLCLIDriver/);
  expect(await readdir(dir)).toContain('spark-compaction.log');
});
