import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { images } from '../../../test/support/datasets.ts';
import { quoted } from '../../core/sql.ts';
import { openFacts } from '../facts.ts';
import { dataFiles, sightingsOf } from './sighting.ts';

test('rows are numbered as they were written: by the number in the name of the file, then in the file', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-sightings-'));
  await using _made = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  await using facts = await openFacts();
  const written = async (name: string, from: number, to: number) => {
    const path = join(dir, name);
    // More than one row group, in falling order, so that nothing but the place in the file can tell.
    await facts.run(`COPY (SELECT 1 AS store_id, 7 AS sku_id, ${to} - range AS version
      FROM range(${to - from})) TO ${quoted(path)} (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    return path;
  };
  const second = await written('00000-0-f00d-00002.parquet', 0, 3_000);
  const first = await written('00000-0-f00d-00001.parquet', 3_000, 9_000);
  const columns = ['store_id', 'sku_id', 'version'];
  const select = sightingsOf(images('upsert'), columns, 's1', dataFiles([second, first]));
  await facts.run(`INSERT INTO sightings BY NAME ${select}`);
  expect(
    await facts.rows(`SELECT count(*) AS n, min(row_no) AS first, max(row_no) AS last,
      bool_and(version = 9001 - row_no) AS in_order FROM sightings`),
  ).toEqual([{ n: 9_000, first: 1, last: 9_000, in_order: true }]);
});
