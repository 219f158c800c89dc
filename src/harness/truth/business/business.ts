import { RECEIPTS } from '../../../scenario/scenario.ts';
import { judgedRows } from '../event-sql.ts';
import { combined, type Finding, type FoundRow } from '../finding.ts';
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

/** Effect of one kind of fault or one label on the tables. */
interface Score {
  /** Messages with the fault, including copies; for a label, the events that have it. */
  readonly injected: number;
  /** Real events without a row: their id was already used, they were damaged, or the pipeline dropped them. */
  readonly dropped: Finding;
  /**
   * Rows that repeat an existing row, or contain a wrong value that the fault or label explains. null: not scored,
   * because a table lacks the necessary column.
   */
  readonly leaked: Finding | null;
  /** Inventory keys that differ from BOOK because of it. */
  readonly keys: Finding;
  /** Sum of the absolute errors of these keys. */
  readonly units: number;
  /** Sum of the absolute errors of the receipts' takings, cents. null: not scored. */
  readonly cents: number | null;
}

/**
 * The distance of the tables from BOOK (the result of perfect processing of every unique event), per kind of fault
 * and label that occurred, and `none` for what neither explains. An event with two labels counts for both. It is above
 * 0 when faults break identity, and exactly 0 without faults.
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

/** Columns that are needed to find wrong values in the rows of a label. */
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

/** Measures the distance of the tables from BOOK, after everything has been drained. */
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
  const of = (what: ScoreRow['what']) => combined(rows.filter((row) => row.what === what));
  const sum = (field: 'units' | 'cents') =>
    rows.reduce((total, row) => total + Number(row[field]), 0);
  const scored = NEEDS[kind]?.(readersDatasets(tables)) ?? true;
  return {
    injected: of('injected').count,
    dropped: of('dropped'),
    leaked: scored ? of('leaked') : null,
    keys: of('keys'),
    units: sum('units'),
    cents: hasTakings(tables) ? sum('cents') : null,
  };
}

/** Takings of the run, cents: in BOOK, over every unique receipt, and in the table. */
interface Takings {
  readonly book: number;
  readonly shown: number;
}

/** null: there are no receipts, or their table has no total. */
export async function takings(rows: Rows, tables: TablesUnderTest): Promise<Takings | null> {
  const receipts = readersDataset(tables, RECEIPTS);
  if (receipts === undefined || !hasTakings(tables)) return null;
  const [found] = await rows<Takings>(`
    SELECT
      (SELECT coalesce(sum(cents), 0)::BIGINT FROM events
        WHERE stream = '${RECEIPTS}' AND role = 'original' AND acked_ms IS NOT NULL) AS book,
      (SELECT coalesce(sum(${takingsSql(receipts)}), 0)::BIGINT
        FROM ${judgedRows(receipts.dataset, receipts.copy)}) AS shown`);
  return found ?? null;
}

function hasTakings(tables: TablesUnderTest): boolean {
  const receipts = readersDataset(tables, RECEIPTS);
  return receipts?.has('total_cents') === true && receipts.has('training');
}
