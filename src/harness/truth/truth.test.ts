import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PLAIN_NAMESPACE } from '../../../test/support/run-namespace.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { parseManifest } from '../../topology/manifest.ts';
import type { Reader } from '../engines/engine.ts';
import { openFacts } from '../facts.ts';
import { readTables } from './read-tables.ts';
import { judgeTruth } from './truth.ts';

const { scenario } = parseScenario(
  'name: receipts\nretail: { stores: 1 }\ntraffic: { pos: {} }\nphases: [{ name: only, for: 1s }]\n',
  { file: 'receipts.yaml' },
);
const { datasets } = parseManifest(
  `
name: mine
tier: 3
headline: one table of receipts
datasets:
  receipts: { carries: pos, semantics: append, first_of: [event_id] }
  refused: { carries: rejected, semantics: append, first_of: [topic, part, kafka_offset] }
queries: {}
`,
  'mine/pipeline.yaml',
);

test('an example of what is wrong names the table it is wrong in, as the pipeline calls it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-truth-'));
  await using _made = { [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  await using facts = await openFacts();
  await facts.run(`ATTACH ':memory:' AS ice; CREATE SCHEMA ice.retail;
    CREATE TABLE ice.retail.receipts (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT);
    CREATE TABLE ice.retail.refused (topic VARCHAR, part INTEGER, kafka_offset BIGINT);
    INSERT INTO ice.retail.receipts VALUES ('twice', 1, 1), ('twice', 1, 1)`);
  const sent = (event_id: string, kafka_offset: number, expect = 'row') => ({
    ...{ stream: 'pos', event_id, store_id: 1, role: 'original', expect, part: 0, kafka_offset },
    ...{ occurred_ms: 1, due_ms: 1, sent_ms: 1, acked_ms: 2, kafka_ms: 1, bytes: 1 },
  });
  await facts.append('events', [
    sent('twice', 0),
    sent('never', 1),
    sent('damaged', 2, 'dead_letter'),
  ]);
  const reader: Pick<Reader, 'query'> = {
    async query(sql) {
      const rows = await facts.rows(sql);
      return { outcome: 'ok', rows, error: null, startMs: 0, endMs: 0, cpuS: null };
    },
  };
  const tables = await readTables(reader, { datasets, place: PLAIN_NAMESPACE }, { dir });
  const truth = await judgeTruth({
    ...{ facts, scenario, tables: { ...tables, datasets } },
    cutMs: 1_000,
    notSeenWithinMs: null,
  });
  expect(truth.examples.map(({ kind, table, key }) => `${kind} ${table} ${key}`)).toEqual([
    'lost receipts never',
    'lost refused damaged',
    'duplicated receipts twice',
  ]);
});
