import { expect, test } from 'vitest';
import { STREAMS } from '../scenario/scenario.ts';
import type { Dataset } from './dataset.ts';
import { createTable, mergedStream } from './merge-sql.ts';

const common = { layer: null, columns: {}, visibility: 'iceberg' } as const;
const points: Dataset = {
  ...{ name: 'points', carries: 'loyalty', semantics: 'append', ...common },
  columns: { event_id: 'id', kafka_ms: 'appended_ms' },
  firstOf: ['id'],
};
const stock: Dataset = {
  ...{ name: 'stock', carries: 'inventory', semantics: 'upsert', subset: null, ...common },
  columns: { version: 'v' },
  ...{ key: ['store_id', 'sku_id'], version: 'v' },
};
const images: Dataset = { ...stock, name: 'images', semantics: 'ledger' };
const refused: Dataset = {
  ...{ name: 'refused', carries: 'rejected', semantics: 'append', ...common },
  firstOf: ['topic', 'part', 'kafka_offset'],
};
const datasets = [points, stock, images, refused];

test('events are inserted, the first of each identity, unless a recent row has it', () => {
  const { accepted } = mergedStream('loyalty', datasets, 'ns');
  expect(accepted.join('\n')).toMatchInlineSnapshot(`
    "MERGE INTO ice.ns.points t USING (
      SELECT event_id AS id, store_id, event_ts, occurred_ms, due_ms, member_id, points, kind, event_type, tier, reference, kafka_ms AS appended_ms, flink_ms
      FROM (
        SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY kafka_ms, part, kafka_offset) AS nth
        FROM (SELECT *, 'loyalty' AS topic FROM judged) WHERE rejection IS NULL
      ) WHERE nth = 1
    ) s ON t.id = s.id AND t.appended_ms >= \${first_ms} - 3600000
    WHEN NOT MATCHED THEN INSERT *"
  `);
});

test('the newest image of a key replaces an older one, by the names of the table', () => {
  const [merge = '', ledger = ''] = mergedStream('inventory', datasets, 'ns').accepted;
  expect(merge).toContain('PARTITION BY store_id, sku_id ORDER BY version DESC, kafka_ms');
  expect(merge).toContain('version AS v');
  expect(merge).toContain('coalesce(deleted, FALSE) AS deleted');
  expect(merge).toContain('ON t.store_id = s.store_id AND t.sku_id = s.sku_id\n');
  expect(merge).toContain('WHEN MATCHED AND s.v > t.v THEN UPDATE SET *\nWHEN NOT MATCHED');
  expect(ledger).toContain('PARTITION BY store_id, sku_id, version ORDER BY kafka_ms');
  expect(ledger).not.toContain('WHEN MATCHED');
});

test('a rejected record is kept with its stream, its position and its reason', () => {
  for (const stream of STREAMS) {
    const [only = '', ...more] = mergedStream(stream, datasets, 'ns').rejected;
    expect(more).toEqual([]);
    expect(only).toContain(`(SELECT *, '${stream}' AS topic FROM judged)`);
    expect(only).toContain('rejection AS reason, payload');
    expect(only).toContain('t.topic = s.topic AND t.part = s.part AND t.kafka_offset');
  }
});

test('a table has format 3 and the types of Spark', () => {
  const pos: Dataset = {
    ...{ name: 'pos', carries: 'pos', semantics: 'append', ...common },
    firstOf: ['event_id'],
  };
  const sql = createTable(pos, 'ns');
  expect(sql).toContain(`'format-version' = '3'`);
  expect(sql).toContain('\n  line_sku_ids ARRAY<INT>,\n');
  expect(createTable(refused, 'ns')).toContain('\n  payload BINARY,\n');
});

test('the function gives every column that a table has', () => {
  const { type, columns } = mergedStream('cart', datasets, 'ns');
  expect(type).toContain('item_sku_ids ARRAY<INT>');
  expect(type).toMatch(/, rejection STRING, flink_ms BIGINT$/);
  expect(columns).toContain('items[*].sku_id INT AS item_sku_ids');
});
