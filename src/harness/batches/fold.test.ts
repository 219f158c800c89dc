import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { events, images } from '../../../test/support/datasets.ts';
import { quoted } from '../../core/sql.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { tableColumns } from '../../topology/table-columns.ts';
import { type Connection, type Database, openDatabase } from '../clients/duckdb.ts';
import type { BatchTable } from './batch-log.ts';
import { emptyTable, fold } from './fold.ts';
import { filesOf } from './views.ts';

/** Folding into Parquet files, in a folder of this machine instead of the object store. */

let root: string;
let database: Database;
let connection: Connection;
beforeEach(async () => {
  root = `${mkdtempSync(join(tmpdir(), 'doorbuster-fold-'))}/`;
  database = await openDatabase(':memory:', { memoryMb: 256, threads: 1 });
  connection = await database.connect();
});
afterEach(() => {
  connection.close();
  database.close();
  rmSync(root, { recursive: true });
});

interface Row {
  readonly id: string;
  readonly store: number;
  readonly at?: number;
  readonly sku?: number;
  readonly version?: number;
}

const DAY_MS = 86_400_000;

/** Folds rows in the order of their arrival. */
function folded(
  dataset: Dataset,
  table: BatchTable,
  number: number,
  rows: readonly Row[],
): Promise<BatchTable> {
  mkdirSync(`${root}parquet/ns/${dataset.name}`, { recursive: true });
  const lines = rows.map(({ id, store, at = 0, sku = 0, version = 0 }, i) => {
    const given: Record<string, string> = {
      ...{ event_id: quoted(id), store_id: String(store), occurred_ms: String(at) },
      ...{ sku_id: String(sku), version: String(version), kafka_ms: '5' },
    };
    const columns = tableColumns(dataset).map(
      ({ ours, type }) => `${given[ours] ?? 'NULL'}::${type} AS "${ours}"`,
    );
    return `SELECT ${columns.join(', ')}, 0 AS arrived_part, ${i} AS arrived_offset`;
  });
  const from = `(${lines.join(' UNION ALL ')})`;
  const to = { root, namespace: 'ns', number, attempt: 'test', buckets: 2 };
  return fold(connection, { dataset, table, from }, to);
}

const shown = (table: BatchTable, columns: string) =>
  connection.rows(`SELECT ${columns} FROM ${filesOf(table)} ORDER BY ALL`);

test('the first of an event is kept, in whichever partition and batch it was', async () => {
  const dataset = events('loyalty');
  const first = await folded(dataset, emptyTable(dataset), 1, [
    { id: 'a', store: 1 },
    { id: 'b', store: 2, at: DAY_MS },
    { id: 'a', store: 2 },
  ]);
  const second = await folded(dataset, first, 2, [
    { id: 'a', store: 2, at: 5 * DAY_MS },
    { id: 'c', store: 1 },
  ]);
  expect(await shown(second, 'event_id, store_id, batch_number')).toEqual([
    { event_id: 'a', store_id: 1, batch_number: 1 },
    { event_id: 'b', store_id: 2, batch_number: 1 },
    { event_id: 'c', store_id: 1, batch_number: 2 },
  ]);
});

test('only partitions with new rows are rewritten, as a whole', async () => {
  const dataset = events('loyalty');
  const first = await folded(dataset, emptyTable(dataset), 1, [
    { id: 'a', store: 1 },
    { id: 'b', store: 2 },
    { id: 'c', store: 2, at: DAY_MS },
  ]);
  expect(first.files.map(({ partition }) => partition).sort()).toEqual([
    'day=1970-01-01/bucket=0',
    'day=1970-01-01/bucket=1',
    'day=1970-01-02/bucket=0',
  ]);
  const second = await folded(dataset, first, 2, [
    { id: 'd', store: 4 },
    { id: 'c', store: 2, at: DAY_MS },
  ]);
  const rewritten = second.files.filter(({ batch }) => batch === 2);
  expect(rewritten.map(({ partition, rows }) => [partition, rows])).toEqual([
    ['day=1970-01-01/bucket=0', 2],
  ]);
  expect(second.files).toHaveLength(3);
  expect(second.files.filter(({ batch }) => batch === 1)).toEqual(
    first.files.filter(({ partition }) => partition !== 'day=1970-01-01/bucket=0'),
  );
  expect(rewritten[0]?.bytes).toBeGreaterThan(0);
});

test('the highest version of a row is kept, of equal ones the first', async () => {
  const dataset = images('upsert');
  const row = { store: 1, sku: 7 };
  const first = await folded(dataset, emptyTable(dataset), 1, [
    { ...row, id: 'v2', version: 2 },
    { ...row, id: 'v3', version: 3 },
    { ...row, id: 'v3-again', version: 3 },
    { store: 3, sku: 7, id: 'other', version: 1 },
  ]);
  const second = await folded(dataset, first, 2, [
    { ...row, id: 'v1', version: 1 },
    { ...row, id: 'v3-later', version: 3 },
  ]);
  // Nothing in it was new: no file was written.
  expect(second).toBe(first);
  const third = await folded(dataset, second, 3, [{ ...row, id: 'v4', version: 4 }]);
  expect(await shown(third, 'event_id, batch_number')).toEqual([
    { event_id: 'other', batch_number: 1 },
    { event_id: 'v4', batch_number: 3 },
  ]);
});

test('a time that is no time has a partition too', async () => {
  const dataset = events('loyalty');
  const table = await folded(dataset, emptyTable(dataset), 1, [
    { id: 'a', store: -1, at: 9_007_199_254_740_991 },
  ]);
  expect(table.files).toHaveLength(1);
  expect(await shown(table, 'event_id')).toEqual([{ event_id: 'a' }]);
});

test('a ledger keeps every version once', async () => {
  const dataset = images('ledger');
  const row = { store: 1, sku: 7 };
  const first = await folded(dataset, emptyTable(dataset), 1, [
    { ...row, id: 'v2', version: 2 },
    { ...row, id: 'v1', version: 1 },
  ]);
  const second = await folded(dataset, first, 2, [
    { ...row, id: 'v2-again', version: 2 },
    { ...row, id: 'v3', version: 3 },
  ]);
  expect(await shown(second, 'event_id')).toEqual(
    ['v1', 'v2', 'v3'].map((id) => ({ event_id: id })),
  );
});
