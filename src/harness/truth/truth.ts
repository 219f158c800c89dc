import type { TruthRecord } from '../../record/record.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';
import { reasonOf } from '../reason.ts';
import { writeBook } from './business/book.ts';
import { type BusinessDistance, distanceFromBook, takings } from './business/business.ts';
import { naiveReadings } from './business/readings.ts';
import {
  type ContractJudgement,
  type Example,
  foundSql,
  judgeContract,
} from './contract/oracle.ts';
import { type Rows, readDatasets, readsImages, type TablesUnderTest } from './tables-under-test.ts';

interface TruthContext {
  readonly facts: Pick<Facts, 'rows' | 'append'>;
  readonly scenario: Scenario;
  readonly tables: TablesUnderTest;
  /** Nothing due at or after this offset from t0 was sent, ms. */
  readonly cutMs: number;
  /** null: everything was drained. */
  readonly notSeenWithinMs: number | null;
}

/** Maximum numbers of examples in the record, in total and per finding. */
const MAX_EXAMPLES = 20;
const MAX_EXAMPLES_PER_FINDING = 10;

/**
 * Compares copies of the tables with CONTRACT and BOOK. It does not throw for what it cannot judge: that is in
 * `notJudged`, and the rest is judged.
 */
export async function judgeTruth(context: TruthContext): Promise<TruthRecord> {
  const { facts, tables, notSeenWithinMs } = context;
  const notJudged = tables.notRead.map(({ dataset, reason }) => ({ what: dataset, reason }));
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      notJudged.push({ what, reason: reasonOf(error) });
      return undefined;
    }
  };
  const rows: Rows = (sql) => facts.rows(sql);
  const contract = await attempt('CONTRACT', async () => {
    const judgement = await judgeContract(rows, tables);
    return await contractSection(rows, tables, judgement);
  });
  for (const { dataset, reason } of contract?.failed ?? []) {
    notJudged.push({ what: dataset, reason });
  }
  const book = await attempt('BOOK', () => bookSection(context));
  return {
    notSeenWithinMs,
    ...(notJudged.length === 0 ? {} : { notJudged }),
    ...(contract?.section ?? { tables: [], examples: [] }),
    ...(book ?? { distance: [], readings: [] }),
    notScored: [...tables.absent],
  };
}

async function contractSection(rows: Rows, tables: TablesUnderTest, contract: ContractJudgement) {
  const { lost, duplicated, wrongCopy, wrong, byDataset, keys, failed } = contract;
  const section: Pick<
    TruthRecord,
    'lost' | 'duplicated' | 'wrong' | 'keysCompared' | 'tables' | 'examples'
  > = {
    ...(Object.keys(byDataset).length === 0
      ? {}
      : {
          lost: lost.count,
          // A row from another append than the first one counts as a duplicate.
          duplicated: duplicated.count + wrongCopy.count,
        }),
    ...(Object.values(byDataset).every((one) => one.wrong === undefined)
      ? {}
      : { wrong: wrong.units, keysCompared: keys }),
    tables: await tableFindings(rows, tables, contract),
    examples: examplesOf(contract),
  };
  return { section, failed };
}

async function bookSection(
  context: TruthContext,
): Promise<Pick<TruthRecord, 'distance' | 'takings' | 'readings' | 'bookUnits'>> {
  const { facts, scenario, tables, cutMs } = context;
  const rows: Rows = (sql) => facts.rows(sql);
  await writeBook(facts, scenario, cutMs);
  const distance = await distanceFromBook(rows, tables);
  const shownTakings = await takings(rows, tables);
  const stock = readDatasets(tables).some(readsImages);
  return {
    distance: scoresOf(distance, stock),
    ...(shownTakings === null ? {} : { takings: shownTakings }),
    readings: [...(await naiveReadings(rows, tables))],
    ...(stock
      ? { bookUnits: Object.values(distance).reduce((sum, { units }) => sum + units, 0) }
      : {}),
  };
}

/** Values that are not scored are left out: 0 would mean that nothing was found. */
function scoresOf(distance: BusinessDistance, stock: boolean): TruthRecord['distance'] {
  return Object.entries(distance).map(([fault, { injected, leaked, dropped, units, cents }]) => ({
    fault,
    injected,
    ...(leaked === null
      ? {}
      : {
          leaked: leaked.count,
          // `none` was not injected, so there is nothing to catch.
          ...(fault === 'none' ? {} : { caught: injected - leaked.count - dropped.count }),
        }),
    dropped: dropped.count,
    ...(stock ? { units } : {}),
    ...(cents === null ? {} : { cents }),
  }));
}

async function tableFindings(
  rows: Rows,
  tables: TablesUnderTest,
  contract: ContractJudgement,
): Promise<TruthRecord['tables']> {
  const findings: TruthRecord['tables'][number][] = [];
  for (const read of readDatasets(tables)) {
    const { name, copies } = read.dataset;
    const judged = contract.byDataset[name];
    if (judged === undefined) continue;
    const [counted] = await rows<{ n: number }>(foundSql(read));
    const { demanded, lost, duplicated, wrong } = judged;
    const readBy = tables.readBy[name];
    findings.push({
      table: name,
      expected: demanded,
      found: counted?.n ?? 0,
      lost,
      duplicated,
      ...(wrong === undefined ? {} : { wrong }),
      ...(copies === undefined ? {} : { copies }),
      readBy: readBy ?? null,
    });
  }
  return findings;
}

/** Text of each finding in the record, in its order. */
const FINDING_TEXT: Readonly<
  Record<Example['finding'], Omit<TruthRecord['examples'][number], 'table' | 'key'>>
> = {
  lost: { kind: 'lost', expected: 'a row', found: 'none' },
  duplicated: { kind: 'duplicated', expected: 'one row at most', found: 'more' },
  wrong_copy: { kind: 'duplicated', expected: 'the first append', found: 'another one' },
  wrong: { kind: 'wrong', expected: 'the newest image', found: 'another on-hand' },
};

function examplesOf({ examples }: ContractJudgement): TruthRecord['examples'] {
  return Object.entries(FINDING_TEXT)
    .flatMap(([finding, words]) =>
      examples
        .filter((example) => example.finding === finding)
        .slice(0, MAX_EXAMPLES_PER_FINDING)
        .map(({ dataset, id }) => ({ ...words, table: dataset, key: id })),
    )
    .slice(0, MAX_EXAMPLES);
}
