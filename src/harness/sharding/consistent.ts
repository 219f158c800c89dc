import { badInput } from '../../core/errors.ts';
import type { FactTable } from '../../record/facts.ts';
import type { RunRecord } from '../../record/record.ts';
import type { Dataset } from '../../topology/dataset.ts';
import type { Facts } from '../facts.ts';
import type { Observed } from '../outcome/observed.ts';

/**
 * Metrics iterate over every second of a load: with a time damaged to the year 5000 they would not finish. So the
 * times of a hand-over, its record and the facts must belong to one load.
 */

/** Tolerance for differences between clocks and for the end of a run, ms. */
const TOLERANCE_MS = 60_000;
const DAY_MS = 86_400_000;

const HINT = 'copy the complete folder of every shard again';

/** Throws DoorbusterError (exit 2) if a hand-over and its record are of different runs. */
export function checkHandOver(
  { completed, t0Ms, endedMs, cutMs, tables, phases }: Observed,
  { t0Ms: startMs, tookMs }: Pick<RunRecord, 't0Ms' | 'tookMs'>,
  dir: string,
): void {
  const lastMs = t0Ms + (tookMs ?? 0) + TOLERANCE_MS;
  const refused = (fact: string) => badInput(`hand-over.json of ${dir} ${fact}`, HINT);
  if (completed && (cutMs === null || tables === null)) {
    throw refused(
      `lacks ${cutMs === null ? 'the end of the load' : 'the tables'}: the load cannot be judged`,
    );
  }
  if (t0Ms !== startMs) throw refused(`begins at ${t0Ms}, and its record at ${startMs}`);
  if (endedMs < t0Ms || endedMs > lastMs) {
    throw refused(`ends ${endedMs - t0Ms} ms after its beginning; its record says ${tookMs} ms`);
  }
  if (cutMs !== null && cutMs > endedMs - t0Ms + TOLERANCE_MS) {
    throw refused(`sent until ${cutMs} ms after its beginning, and had ended by then`);
  }
  const odd = phases.find((phase) => phase.startMs < t0Ms || phase.endMs < phase.startMs);
  const late = phases.find((phase) => phase.endMs > lastMs);
  const wrong = odd ?? late;
  if (wrong === undefined) return;
  throw refused(`has the phase ${wrong.name} from ${wrong.startMs} to ${wrong.endMs}`);
}

/** Columns of facts that are iterated over, or bound an iteration. */
const ITERATED_COLUMNS: readonly (readonly [table: FactTable, column: string])[] = [
  ['phases', 'start_ms'],
  ['phases', 'end_ms'],
  ['load', 'at_ms'],
  ['loop_delay', 'at_ms'],
  ['events', 'due_ms'],
];

/** Throws DoorbusterError (exit 2) if facts are outside the time of the load. */
export async function checkFacts(
  facts: Pick<Facts, 'rows'>,
  { t0Ms, endedMs }: Pick<Observed, 't0Ms' | 'endedMs'>,
): Promise<void> {
  for (const [table, column] of ITERATED_COLUMNS) {
    const [found] = await facts.rows<{ n: number }>(
      `SELECT count(*)::INTEGER AS n FROM ${table}
       WHERE ${column} NOT BETWEEN $from AND $to OR isnan(${column})`,
      { from: t0Ms - DAY_MS, to: endedMs + DAY_MS },
    );
    if (found === undefined || found.n === 0) continue;
    throw badInput(
      `${table}.parquet has ${found.n} rows whose ${column} is more than a day outside the load`,
      HINT,
    );
  }
}

/**
 * Throws DoorbusterError (exit 2) if a copy of a table that the oracles need is missing or cannot be read completely:
 * they would fail later.
 */
export async function checkTables(
  facts: Pick<Facts, 'rows'>,
  { tables }: Pick<Observed, 'tables'>,
  needed: readonly Dataset[],
): Promise<void> {
  if (tables === null) return;
  const missing = needed.find(({ name }) => tables.copies[name] === undefined);
  if (missing !== undefined) {
    throw badInput(`hand-over.json names no table of ${missing.name}`, HINT);
  }
  for (const source of Object.values(tables.copies)) {
    try {
      await facts.rows(`SELECT bit_xor(hash(t))::VARCHAR AS whole FROM ${source} t`);
    } catch (error) {
      throw badInput(`cannot read a table: ${(error as Error).message.split('\n')[0]}`, HINT);
    }
  }
}
