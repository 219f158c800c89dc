import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { compactWithSpark } from '../../src/harness/pipelines/compact-spark.ts';
import { loadPipeline, placed } from '../../src/harness/pipelines/load.ts';
import { PLAIN } from '../support/place.ts';

test('an engine that ends without a word of its own is a failed compaction, told by its log', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-compact-'));
  await using _made = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  const result = await compactWithSpark(placed(loadPipeline('cdc-upsert', packageRoot), PLAIN), {
    // A Java without Spark: it looks for the main class and says that there is none.
    artifacts: { sparkClasspath: join(dir, 'nothing'), classArchives: join(dir, 'archives') },
    endpoints: {
      catalog: { uri: 'http://127.0.0.1:9', warehouse: 's3://none/', auth: { kind: 'none' } },
      s3: {
        ...{ endpoint: 'http://127.0.0.1:9', region: 'none', bucket: 'none' },
        ...{ accessKeyId: 'none', secretAccessKey: 'none' },
      },
    },
    clock: systemClock,
    signal: new AbortController().signal,
    workDir: dir,
  });
  expect(result).toMatchObject({ outcome: 'failed', engineReadyMs: null, committedMs: null });
  expect(result.error).toMatch(/SparkSQLCLIDriver/);
  expect(await readdir(dir)).toEqual(['spark-compaction.log']);
});
