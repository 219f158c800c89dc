import { RECEIPTS } from '../../../scenario/scenario.ts';
import { judgedRows } from '../event-sql.ts';
import { type Finding, type FoundRow, gathered } from '../finding.ts';
import {
  type ReadDataset,
  type Rows,
  readersDataset,
  readersDatasets,
  readsImages,
  type TablesUnderTest,
} from '../tables-under-test.ts';
import { appendScoresSql, takingsSql } from './append-scores.ts';
import { stockScoresSql } from './stock-scores.ts';

/** What one kind of fault, or one label, did to the business, counted in the tables. */
interface Score {
  /** Messages with the fault, copies among them; of a label, the events that have it. */
  readonly injected: number;
  /** Real events that no row stands for: their id had been used, they were damaged, or the pipeline let them fall. */
  readonly dropped: Finding;
  /**
   * Rows that stand for a repetition of something that is there already, or say something wrong that the fault or
   * the label explains. null: not scored, since a table has not the column that would tell.
   */
  readonly leaked: Finding | null;
  /** Inventory keys that differ from BOOK because of it. */
  readonly keys: Finding;
  /** The sum of those keys' absolute errors. */
  readonly units: number;
  /** The sum of the receipts' absolute errors in takings, cents. null: not scored. */
  readonly cents: number | null;
}

/**
 * The distance of the tables from BOOK (what perfect processing of every unique event gives), per
 * kind of fault and label that occurred, and `none` for what nothing explains. An event with two labels counts
 * with both. Above 0 when faults break identity, 0 to the unit when nothing unusual happens.
 */
export type BusinessDistance = Readonly<Record<string, Score>>;

interface ScoreRow extends FoundRow {
  readonly kind: string;
  readonly what: 'injected' | 'dropped' | 'leaked' | 'keys';
  readonly units: number;
  readonly cents: number;
}

type Needed = (tables: readonly ReadDataset[]) => boolean;

const carry =
  (column: string): Needed =>
  (tables) =>
    tables.every(({ has }) => has(column));
const receiptsHave =
  (column: string): Needed =>
  (tables) =>
    tables.every(({ dataset, has }) => dataset.carries !== RECEIPTS || has(column));
const TIMES = carry('event_ts');
const TOTAL = receiptsHave('total_cents');

/** What has to be there to tell whether a label's rows say something wrong. */
const NEEDS: Readonly<Record<string, Needed>> = {
  training: receiptsHave('training'),
  return: TOTAL,
  sequence_wrap: TOTAL,
  type_widened: TOTAL,
  field_added: TOTAL,
  clock_off: TIMES,
  wrong_date: TIMES,
  clock_change: TIMES,
  deleted: (tables) => tables.every((read) => !readsImages(read) || read.has('deleted')),
};

/** Asks the tables, once everything has been drained, how far from BOOK they are. */
export async function distanceFromBook(
  rows: Rows,
  tables: TablesUnderTest,
): Promise<BusinessDistance> {
  const found: ScoreRow[] = [];
  for (const read of readersDatasets(tables)) {
    const sql = readsImages(read) ? stockScoresSql(read) : appendScoresSql(read);
    found.push(...(await rows<ScoreRow>(sql)));
  }
  const kinds = [...new Set(found.map(({ kind }) => kind))].sort();
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      scoreOf(
        kind,
        found.filter((row) => row.kind === kind),
        tables,
      ),
    ]),
  );
}

function scoreOf(kind: string, rows: readonly ScoreRow[], tables: TablesUnderTest): Score {
  const of = (what: ScoreRow['what']) => gathered(rows.filter((row) => row.what === what));
  const sum = (field: 'units' | 'cents') =>
    rows.reduce((total, row) => total + Number(row[field]), 0);
  const scored = NEEDS[kind]?.(readersDatasets(tables)) ?? true;
  return {
    injected: of('injected').count,
    dropped: of('dropped'),
    leaked: scored ? of('leaked') : null,
    keys: of('keys'),
    units: sum('units'),
    cents: takingsAreTold(tables) ? sum('cents') : null,
  };
}

/** Takings of the run: BOOK's, of every unique receipt, and what a reader of the table gets; cents. */
interface Takings {
  readonly book: number;
  readonly shown: number;
}

/** null: there are no receipts, or their table cannot tell what they brought. */
export async function takings(rows: Rows, tables: TablesUnderTest): Promise<Takings | null> {
  const receipts = readersDataset(tables, RECEIPTS);
  if (receipts === undefined || !takingsAreTold(tables)) return null;
  const [found] = await rows<Takings>(`
    SELECT
      (SELECT coalesce(sum(cents), 0)::BIGINT FROM events
        WHERE stream = '${RECEIPTS}' AND role = 'original' AND acked_ms IS NOT NULL) AS book,
      (SELECT coalesce(sum(${takingsSql(receipts)}), 0)::BIGINT
        FROM ${judgedRows(receipts.dataset, receipts.copy)}) AS shown`);
  return found ?? null;
}

function takingsAreTold(tables: TablesUnderTest): boolean {
  const receipts = readersDataset(tables, RECEIPTS);
  return receipts?.has('total_cents') === true && receipts.has('training');
}
