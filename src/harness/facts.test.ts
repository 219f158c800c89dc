import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FACTS } from '../record/facts.ts';
import { FACTS_MB, openFacts } from './facts.ts';

test('appended rows can be queried at once, large batches included', async () => {
  await using facts = await openFacts();
  const count = 5000;
  await facts.append(
    'events',
    Array.from({ length: count }, (_, i) => ({
      stream: 'inventory',
      event_id: `e-${i}`,
      store_id: i % 7,
      version: i % 2 ? i : BigInt(i),
      due_ms: i + 0.5,
      acked_ms: i % 10 ? i : null,
    })),
  );
  const [row] = await facts.rows(
    `SELECT count(*) n, count(DISTINCT event_id) ids, sum(version) versions, sum(due_ms) due,
            count(acked_ms) acked, count(part) parts FROM events WHERE store_id = $store OR $all`,
    { store: 0, all: true },
  );
  const sum = (count * (count - 1)) / 2;
  expect(row).toEqual({
    n: count,
    ids: count,
    versions: sum,
    due: sum + count / 2,
    acked: count - count / 10,
    parts: 0,
  });
});

test('two first appends to a table at once both arrive', async () => {
  await using facts = await openFacts();
  const stop = (at_ms: number) => facts.append('milestones', [{ name: 'stop', at_ms }]);
  await Promise.all([stop(1), stop(2)]);
  expect(await facts.rows('SELECT sum(at_ms) AS sum FROM milestones')).toEqual([{ sum: 3 }]);
});

test('an id beyond 2^53 keeps its digits', async () => {
  await using facts = await openFacts();
  await facts.append('commits', [
    { table_name: 'pos', snapshot_id: '8963421567890123457', sequence_number: 1 },
  ]);
  const rows = await facts.rows(
    'SELECT snapshot_id, snapshot_id::BIGINT big, sequence_number FROM commits',
  );
  expect(rows).toEqual([
    { snapshot_id: '8963421567890123457', big: 8963421567890123457n, sequence_number: 1 },
  ]);
});

test('an unknown column is refused rather than dropped', async () => {
  await using facts = await openFacts();
  await expect(facts.append('phases', [{ name: 'spike', statr_ms: 1 }])).rejects.toThrow(
    'phases has no column statr_ms',
  );
  expect(await facts.rows('SELECT count(*) n FROM phases')).toEqual([{ n: 0 }]);
});

test('every table is exported as Parquet, and the export reads back the same', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-facts-'));
  try {
    await using facts = await openFacts();
    await facts.append('phases', [
      { name: 'spike', kind: 'load', measured: true, start_ms: 1, end_ms: 2 },
    ]);
    const { paths } = await facts.exportParquet(dir);
    expect(paths).toHaveLength(Object.keys(FACTS).length);
    const back = await facts.rows(`SELECT * FROM read_parquet('${join(dir, 'phases.parquet')}')`);
    expect(back).toEqual(await facts.rows('SELECT * FROM phases'));
    expect(back).toHaveLength(1);
    expect((await readdir(dir)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('beyond the memory of a run the facts are on disk, and judging sees all of them', async () => {
  const spillDir = await mkdtemp(join(tmpdir(), 'doorbuster-facts-'));
  try {
    await using facts = await openFacts({ spillDir });
    const census = await facts.connect();
    const rows = 1_500_000;
    // The census reads one large commit like this, next to small ones of each interval.
    await census.run(`CREATE TEMP TABLE batch AS SELECT 'inventory' AS table_name,
      '8963421567890123457' AS snapshot_id, concat('inv-', i // 1000, '-', i) AS event_id,
      (i // 1000)::INTEGER AS store_id, (i % 1000)::INTEGER AS sku_id, i AS version,
      1795770000000 + i AS occurred_ms, 1795770000000 + i AS due_ms, 1795770000010 + i AS kafka_ms,
      1795770000020 + i AS flink_ms, row_number() OVER ()::INTEGER AS row_no
      FROM range(${rows}) r(i)`);
    await census.run('INSERT INTO sightings BY NAME FROM batch');
    await facts.append('sightings', [{ table_name: 'pos', event_id: 'last', version: 1 }]);
    const memory = async () => {
      const [used] = await facts.rows<{ mb: number; spilled: number }>(`
        SELECT sum(memory_usage_bytes)::DOUBLE / 1e6 AS mb,
          sum(temporary_storage_bytes)::DOUBLE / 1e6 AS spilled FROM duckdb_memory()`);
      return used as { mb: number; spilled: number };
    };
    const collecting = await memory();
    expect(collecting.mb).toBeLessThanOrEqual(FACTS_MB.collecting);
    expect(collecting.spilled).toBeGreaterThan(0);
    expect(await readdir(spillDir)).not.toEqual([]);

    await census.run('DROP TABLE batch');
    await facts.raiseMemoryLimit();
    expect(
      await facts.rows(`SELECT count(*) AS n, count(DISTINCT event_id) AS ids, sum(version) AS sum
        FROM sightings`),
    ).toEqual([{ n: rows + 1, ids: rows + 1, sum: (rows * (rows - 1)) / 2 + 1 }]);
    await using roomy = await openFacts();
    const limit = `SELECT current_setting('memory_limit') AS "limit"`;
    expect(await facts.rows(limit)).toEqual(await roomy.rows(limit));
    census.close();
  } finally {
    await rm(spillDir, { recursive: true, force: true });
  }
});
