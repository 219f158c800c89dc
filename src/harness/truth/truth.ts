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

/** Examples in the record, and of each finding. */
const EXAMPLES = 20;
const OF_EACH = 10;

/**
 * Holds copies of the tables against CONTRACT and BOOK. It never throws for what it cannot judge: that is
 * in `notJudged`, and what was judged stands.
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
    return await againstContract(rows, tables, judgement);
  });
  for (const { dataset, reason } of contract?.failed ?? []) {
    notJudged.push({ what: dataset, reason });
  }
  const book = await attempt('BOOK', () => againstBook(context));
  return {
    notSeenWithinMs,
    ...(notJudged.length === 0 ? {} : { notJudged }),
    ...(contract?.section ?? { tables: [], examples: [] }),
    ...(book ?? { distance: [], readings: [] }),
    notScored: [...tables.absent],
  };
}

async function againstContract(rows: Rows, tables: TablesUnderTest, contract: ContractJudgement) {
  const { lost, duplicated, wrongCopy, wrong, byDataset, keys, failed } = contract;
  const section: Pick<
    TruthRecord,
    'lost' | 'duplicated' | 'wrong' | 'keysCompared' | 'tables' | 'examples'
  > = {
    ...(Object.keys(byDataset).length === 0
      ? {}
      : {
          lost: lost.count,
          // A row that stems from another append than the first is one too many of the wrong kind.
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

async function againstBook(
  context: TruthContext,
): Promise<Pick<TruthRecord, 'distance' | 'takings' | 'readings' | 'bookUnits'>> {
  const { facts, scenario, tables, cutMs } = context;
  const rows: Rows = (sql) => facts.rows(sql);
  await writeBook(facts, scenario, cutMs);
  const distance = await distanceFromBook(rows, tables);
  const told = await takings(rows, tables);
  const stock = readDatasets(tables).some(readsImages);
  return {
    distance: scoresOf(distance, stock),
    ...(told === null ? {} : { takings: told }),
    readings: [...(await naiveReadings(rows, tables))],
    ...(stock
      ? { bookUnits: Object.values(distance).reduce((sum, { units }) => sum + units, 0) }
      : {}),
  };
}

/** What is not scored is left out: 0 would say that nothing was found. */
function scoresOf(distance: BusinessDistance, stock: boolean): TruthRecord['distance'] {
  return Object.entries(distance).map(([fault, { injected, leaked, dropped, units, cents }]) => ({
    fault,
    injected,
    ...(leaked === null
      ? {}
      : {
          leaked: leaked.count,
          // Of what nothing explains nothing was injected, so nothing could be caught.
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
    const { name } = read.dataset;
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
      readBy: readBy ?? null,
    });
  }
  return findings;
}

/** How the record words each finding, in the order in which it tells them. */
const IN_WORDS: Readonly<
  Record<Example['finding'], Omit<TruthRecord['examples'][number], 'table' | 'key'>>
> = {
  lost: { kind: 'lost', expected: 'a row', found: 'none' },
  duplicated: { kind: 'duplicated', expected: 'one row at most', found: 'more' },
  wrong_copy: { kind: 'duplicated', expected: 'the first append', found: 'another one' },
  wrong: { kind: 'wrong', expected: 'the newest image', found: 'another on-hand' },
};

function examplesOf({ examples }: ContractJudgement): TruthRecord['examples'] {
  return Object.entries(IN_WORDS)
    .flatMap(([finding, words]) =>
      examples
        .filter((example) => example.finding === finding)
        .slice(0, OF_EACH)
        .map(({ dataset, id }) => ({ ...words, table: dataset, key: id })),
    )
    .slice(0, EXAMPLES);
}
