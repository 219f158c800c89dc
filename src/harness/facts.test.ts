import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FACTS } from '../record/facts.ts';
import { openFacts } from './facts.ts';

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
