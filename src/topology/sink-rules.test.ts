import { expect, test } from 'vitest';
import { parseManifest } from './manifest.ts';

const PIPELINE = `name: sink
tier: 3
headline: a sink
datasets:
  sales: { carries: pos, semantics: append, first_of: [event_id], copies: kept }
  stock: { carries: inventory, semantics: ledger, key: [store_id, sku_id], version: version, copies: kept }
  letters: { carries: rejected, semantics: append, first_of: [topic, part, kafka_offset], copies: kept }
stages: [{ run: kafka-connect, tasks: 2, settings: { consumer.override.max.poll.records: '100' } }]
queries: {}
`;
const parsed = (from: string, to: string) => () =>
  parseManifest(PIPELINE.replace(from, to), 'sink/pipeline.yaml');

test('a sink has the defaults of Connect, and keeps copies', () => {
  const { stages, datasets } = parsed('', '')();
  expect(stages).toEqual([
    {
      ...{ run: 'kafka-connect', tasks: 2, offset_flush_ms: 60_000, commit_timeout_ms: 30_000 },
      settings: { 'consumer.override.max.poll.records': '100' },
    },
  ]);
  expect(datasets.map(({ copies }) => copies)).toEqual(['kept', 'kept', 'kept']);
});

test.each<[string, string, string, RegExp]>([
  [
    'that drops copies',
    'first_of: [event_id], copies: kept',
    'first_of: [event_id]',
    /:5:3: the sink of kafka-connect drops no copies: write copies: kept/,
  ],
  [
    'that upserts',
    'semantics: ledger',
    'semantics: upsert',
    /:6:3: the sink of kafka-connect appends and does not upsert: write semantics: ledger/,
  ],
  [
    'with columns of other names',
    'version: version, copies: kept',
    'version: version, copies: kept, columns: { on_hand: quantity }',
    /:6:3: .* leave columns out/,
  ],
  [
    'with another stage',
    'stages: [{',
    'stages: [{ run: flink-sql }, {',
    /kafka-connect fills every dataset: it is the only stage/,
  ],
])('a sink %s is refused', (_, from, to, message) => {
  expect(parsed(from, to)).toThrow(
    expect.objectContaining({ exitCode: 2, message: expect.stringMatching(message) }),
  );
});
