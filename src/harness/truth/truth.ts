import type { TruthRecord } from '../../record/record.ts';
import { type Scenario, STREAMS, type Stream } from '../../scenario/scenario.ts';
import type { Reader } from '../clients/duckdb-reader.ts';
import type { Facts } from '../facts.ts';
import type { Manifest } from '../pipelines/manifest.ts';
import { writeBook } from './business/book.ts';
import { type BusinessDistance, distanceFromBook, takings } from './business/business.ts';
import { naiveReadings } from './business/readings.ts';
import {
  type ContractJudgement,
  foundSql,
  judgeContract,
  type Rows,
  type TablesUnderTest,
} from './contract/oracle.ts';
import { readTables } from './read-tables.ts';

export interface TruthContext {
  readonly reader: Pick<Reader, 'query'>;
  readonly facts: Pick<Facts, 'rows' | 'append'>;
  readonly scenario: Scenario;
  readonly manifest: Manifest;
  /** An empty folder for the copies of the tables. */
  readonly dir: string;
  /** Nothing due at or after this offset from t0 was sent, ms. */
  readonly cutMs: number;
  /** null: everything was drained. */
  readonly notSeenWithinMs: number | null;
}

const EXAMPLES = 20;

/** Reads the tables once and holds them against CONTRACT and BOOK. */
export async function judgeTruth(context: TruthContext): Promise<TruthRecord> {
  const { reader, facts, scenario, manifest, dir } = context;
  const rows: Rows = (sql) => facts.rows(sql);
  const streams = STREAMS.filter((stream) => scenario.traffic[stream] !== null);
  const tables = await readTables(reader, manifest, streams, dir);
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
    examples: examplesOf(contract),
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
  const sources: [name: Stream | 'dead_letter', table: string, source: string][] = [
    ...STREAMS.flatMap((stream): [Stream, string, string][] => {
      const source = tables.streams[stream];
      return source === undefined
        ? []
        : [[stream, manifest.streams[stream]?.table ?? stream, source]];
    }),
    ['dead_letter', manifest.dead_letter, tables.deadLetter],
  ];
  const findings: TruthRecord['tables'][number][] = [];
  for (const [name, table, source] of sources) {
    const [counted] = await rows<{ n: number }>(foundSql(name, source));
    const judged = contract.byStream[name];
    findings.push({
      table,
      expected: judged?.demanded ?? 0,
      found: counted?.n ?? 0,
      lost: judged?.lost ?? 0,
      duplicated: judged?.duplicated ?? 0,
      wrong: name === 'inventory' ? contract.wrong.units : 0,
    });
  }
  return findings;
}

function examplesOf(contract: ContractJudgement): TruthRecord['examples'] {
  const one = (
    kind: 'lost' | 'duplicated' | 'wrong',
    ids: readonly string[],
    expected: string,
    found: string,
  ) => ids.map((key) => ({ kind, table: '', key, expected, found }));
  return [
    ...one('lost', contract.lost.examples, 'a row', 'none'),
    ...one('duplicated', contract.duplicated.examples, 'one row at most', 'more'),
    ...one('duplicated', contract.wrongCopy.examples, 'the first append', 'another one'),
    ...one('wrong', contract.wrong.examples, 'the newest image', 'another on-hand'),
  ].slice(0, EXAMPLES);
}
