import type { TruthRecord } from '../../record/record.ts';
import { type Scenario, STREAMS, type Stream } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';
import type { Manifest } from '../pipelines/manifest.ts';
import { writeBook } from './business/book.ts';
import { type BusinessDistance, distanceFromBook, takings } from './business/business.ts';
import { naiveReadings } from './business/readings.ts';
import {
  type ContractJudgement,
  type Example,
  foundSql,
  judgeContract,
} from './contract/oracle.ts';
import type { Rows, TablesUnderTest } from './tables-under-test.ts';

interface TruthContext {
  readonly facts: Pick<Facts, 'rows' | 'append'>;
  readonly scenario: Scenario;
  readonly manifest: Manifest;
  readonly tables: TablesUnderTest;
  /** Nothing due at or after this offset from t0 was sent, ms. */
  readonly cutMs: number;
  /** null: everything was drained. */
  readonly notSeenWithinMs: number | null;
}

/** Examples in the record, and of each finding. */
const EXAMPLES = 20;
const OF_EACH = 10;

/** Holds copies of the tables against CONTRACT and BOOK. */
export async function judgeTruth(context: TruthContext): Promise<TruthRecord> {
  const { facts, scenario, manifest, tables } = context;
  const rows: Rows = (sql) => facts.rows(sql);
  const contract = await judgeContract(rows, tables);
  await writeBook(facts, scenario, context.cutMs);
  const distance = await distanceFromBook(rows, tables);
  const told = await takings(rows, tables);
  return {
    notSeenWithinMs: context.notSeenWithinMs,
    lost: contract.lost.count,
    // A row that stems from another append than the first is one too many of the wrong kind.
    duplicated: contract.duplicated.count + contract.wrongCopy.count,
    wrong: contract.wrong.units,
    tables: await tableFindings(rows, tables, contract, manifest),
    examples: examplesOf(contract, manifest),
    distance: scoresOf(distance),
    ...(told === null ? {} : { takings: told }),
    readings: [...(await naiveReadings(rows, tables))],
    notScored: [...tables.absent],
    bookUnits: Object.values(distance).reduce((sum, { units }) => sum + units, 0),
    keysCompared: contract.keys,
  };
}

/** What is not scored is left out: 0 would say that nothing was found. */
function scoresOf(distance: BusinessDistance): TruthRecord['distance'] {
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
    units,
    ...(cents === null ? {} : { cents }),
  }));
}

async function tableFindings(
  rows: Rows,
  tables: TablesUnderTest,
  contract: ContractJudgement,
  manifest: Manifest,
): Promise<TruthRecord['tables']> {
  const sources: (readonly [name: Stream | 'dead_letter', source: string])[] = [
    ...STREAMS.flatMap((stream) => {
      const source = tables.streams[stream];
      return source === undefined ? [] : [[stream, source] as const];
    }),
    ['dead_letter', tables.deadLetter],
  ];
  const findings: TruthRecord['tables'][number][] = [];
  for (const [name, source] of sources) {
    const [counted] = await rows<{ n: number }>(foundSql(name, source));
    const judged = contract.byStream[name];
    findings.push({
      table: tableOf(name, manifest),
      expected: judged?.demanded ?? 0,
      found: counted?.n ?? 0,
      lost: judged?.lost ?? 0,
      duplicated: judged?.duplicated ?? 0,
      wrong: name === 'inventory' ? contract.wrong.units : 0,
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

function examplesOf({ examples }: ContractJudgement, manifest: Manifest): TruthRecord['examples'] {
  return Object.entries(IN_WORDS)
    .flatMap(([finding, words]) =>
      examples
        .filter((example) => example.finding === finding)
        .slice(0, OF_EACH)
        .map(({ of, id }) => ({ ...words, table: tableOf(of, manifest), key: id })),
    )
    .slice(0, EXAMPLES);
}

function tableOf(name: Stream | 'dead_letter', manifest: Manifest): string {
  return name === 'dead_letter' ? manifest.dead_letter : (manifest.streams[name]?.table ?? name);
}
