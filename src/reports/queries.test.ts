import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { querySection } from './queries.ts';

const record = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);
if (record.queries === null) throw new Error('the fixture has no queries');
const { queries } = record;

/** The fixture, whose compaction rewrote inventory; revenue read these tables and every other query inventory. */
function reading(revenue: string[], rewritten: string[] = ['inventory']): typeof record {
  return {
    ...record,
    compactions: record.compactions.map((run) => ({ ...run, tables: rewritten })),
    queries: {
      ...queries,
      results: queries.results.map((result) => ({
        ...result,
        reads: result.query === 'revenue' ? revenue : ['inventory'],
      })),
    },
  };
}

function shown(of: typeof record) {
  const section = querySection(of);
  const change = section?.tables[0]?.rows.find(([name]) => name?.text === 'revenue')?.at(-1);
  const note = section?.notes.find(({ text }) => text.startsWith('no table rewritten'))?.text;
  return { tone: change?.tone, note };
}

test('a change in a query that reads nothing rewritten is not shown as compaction’s', () => {
  expect(shown(reading(['pos']))).toEqual({
    tone: 'dim',
    note: 'no table rewritten is read by revenue (pos): compaction is not what changed it',
  });
});

test('a query that reads one of the rewritten tables is compared', () => {
  expect(shown(reading(['pos', 'inventory']))).toEqual({ tone: 'good', note: undefined });
});

test('without a rewrite, and where it is not known what a query reads, nothing is claimed', () => {
  expect(shown(reading(['pos'], [])).note).toBeUndefined();
  const failed = reading(['pos']);
  const compactions = failed.compactions.map((run) => ({ ...run, outcome: 'failed' as const }));
  expect(shown({ ...failed, compactions }).note).toBeUndefined();
  expect(shown(record)).toEqual({ tone: 'good', note: undefined });
});
