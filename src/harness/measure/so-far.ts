import { quoted } from '../../core/sql.ts';
import type { CheckResult, Metric } from '../../record/record.ts';
import type { Check } from '../../scenario/scenario.ts';
import { isSubset } from '../../topology/dataset.ts';
import { backlogMetrics } from './backlog.ts';
import { type Certain, cannotPass, isBeyond, type KnownEarly, knownEarly } from './cannot-pass.ts';
import { checksOf, type Measuring, streamDatasets } from './context.ts';
import { costMetrics, costSection } from './cost.ts';
import { fileMetrics } from './layout.ts';
import { queryMetrics } from './queries.ts';

/** What is known of a run that goes on, besides its facts. Epoch ms. */
interface SoFar {
  /** Per dataset: whatever was visible before this time has been read. */
  readonly readUntilMs: Readonly<Record<string, number>>;
  /** All changes that were due before this time are in the facts. */
  readonly dueUntilMs: number;
}

/** Age is sampled so often that two samples always lie within this time, ms. */
const AGE_TICKS_MS = 200;

/** Failed results of the checks that cannot pass any more, whatever follows. */
export async function failedSoFar(
  measuring: Measuring,
  soFar: SoFar,
): Promise<readonly CheckResult[]> {
  const failed: CheckResult[] = [];
  for (const check of checksOf(measuring.context)) {
    const metric = knownEarly(check);
    const certain = metric && (await CERTAIN[metric](measuring, check, soFar));
    const result = certain && cannotPass(check, certain);
    if (result) failed.push(result);
  }
  return failed;
}

type Source = (measuring: Measuring, check: Check, soFar: SoFar) => Promise<Certain | null>;

/** What is certain of each metric. */
const CERTAIN: { readonly [M in KnownEarly]: Source } = {
  staleness: stalenessSoFar,
  age: ageSoFar,
  // Queries are written when they end, and CPU time only grows.
  query_failed: async (measuring, check) => growing(await queryMetrics(measuring), check),
  cost: async (measuring, check) => growing(costMetrics(await costSection(measuring)), check),
  files: async (measuring, check, soFar) =>
    final(measuring, await fileMetrics(measuring), check, soFar),
  // A row that a subset takes in later adds changes that had been due.
  backlog: async (measuring, check, soFar) =>
    measuring.context.datasets.some((one) => one.name === check.of && !isSubset(one))
      ? final(measuring, await backlogMetrics(measuring), check, soFar)
      : null,
};

function found(metrics: readonly Metric[], { metric, of, during }: Check) {
  const one = metrics.find((its) => its.name === metric && its.of === of && its.phase === during);
  return one?.shape === 'scalar' && one.value !== null ? { n: one.n, value: one.value } : null;
}

function growing(metrics: readonly Metric[], check: Check): Certain | null {
  const one = found(metrics, check);
  return one && { kind: 'growing', n: one.n, least: one.value };
}

/** The value of a phase, once the phase has ended and everything until then has been read. */
function final(
  { phases }: Measuring,
  metrics: readonly Metric[],
  check: Check,
  { readUntilMs, dueUntilMs }: SoFar,
): Certain | null {
  const phase = phases.find(({ name }) => name === check.during);
  const one = found(metrics, check);
  const until = Math.min(dueUntilMs, readUntilMs[check.of ?? ''] ?? Number.NEGATIVE_INFINITY);
  return phase && one && phase.endMs < until ? { kind: 'final', ...one } : null;
}

/** A change that is not visible yet is at least as stale as at the time until which its dataset was read. */
async function stalenessSoFar(
  { sql, context, phases }: Measuring,
  check: Check,
  { readUntilMs, dueUntilMs }: SoFar,
): Promise<Certain | null> {
  const dataset = context.datasets.find(({ name }) => name === check.of);
  const read = readUntilMs[check.of ?? ''];
  if (dataset === undefined || read === undefined) return null;
  const [row] = await sql.rows<{ known: number; beyond: number; largest: number | null }>(
    `SELECT count(*) AS known, max(value) AS largest,
       count(*) FILTER (value ${check.comparator === '<' ? '>=' : '>'} $limit) AS beyond
     FROM (SELECT coalesce(seen_ms, $read) - occurred_ms AS value FROM changes
       WHERE measured AND dataset = $of AND ($phase IS NULL OR phase = $phase))`,
    { of: check.of, phase: check.during, read, limit: check.limit },
  );
  if (!row || row.largest === null) return null;
  const phase = phases.find(({ name }) => name === check.during);
  // See backlog: the changes of a subset may become more.
  const isWhole = phase !== undefined && phase.endMs < dueUntilMs && !isSubset(dataset);
  const { known, beyond, largest } = row;
  return { kind: 'samples', known, beyond, largest, most: isWhole ? known : null };
}

/** While a change is not visible, age is at least the time since it happened. */
async function ageSoFar(
  { sql }: Measuring,
  check: Check,
  { readUntilMs }: SoFar,
): Promise<Certain | null> {
  const read = readUntilMs[check.of ?? ''];
  if (read === undefined) return null;
  const [row] = await sql.rows<{ known: number; largest: number | null }>(
    `SELECT count(*) AS known, max(until_ms - ${AGE_TICKS_MS} - occurred_ms) AS largest
     FROM (SELECT c.occurred_ms, s.start_ms, least(coalesce(c.seen_ms, $read), s.end_ms) AS until_ms
       FROM changes c, spans s
       WHERE c.dataset = $of AND s.measured AND ($phase IS NULL OR s.name = $phase))
     WHERE until_ms - ${AGE_TICKS_MS} > greatest(start_ms, occurred_ms)`,
    { of: check.of, phase: check.during, read },
  );
  if (!row || row.largest === null) return null;
  const { known, largest } = row;
  return { kind: 'samples', known, beyond: isBeyond(check, largest) ? 1 : 0, largest, most: null };
}

/** What a dataset does not show yet, at the time until which it was read. */
export interface BacklogSoFar {
  readonly dataset: string;
  /** Changes that are due and not visible. */
  readonly changes: number;
  /** Time since the oldest change happened that is not visible; 0: none is waiting. */
  readonly ageMs: number;
}

/** The backlog of every dataset that was read once. */
export async function backlogSoFar(
  { sql, context }: Measuring,
  readUntilMs: SoFar['readUntilMs'],
): Promise<readonly BacklogSoFar[]> {
  const found: BacklogSoFar[] = [];
  for (const { name: dataset } of streamDatasets(context)) {
    const read = readUntilMs[dataset];
    if (read === undefined || read === Number.NEGATIVE_INFINITY) continue;
    const [row] = await sql.rows<{ changes: number; oldest: number | null }>(
      `SELECT count(*) FILTER (due_ms <= $read) AS changes, min(occurred_ms) AS oldest
       FROM changes WHERE dataset = $of AND occurred_ms <= $read
         AND (seen_ms IS NULL OR seen_ms > $read)`,
      { of: dataset, read },
    );
    if (row === undefined) continue;
    found.push({
      dataset,
      changes: row.changes,
      ageMs: row.oldest === null ? 0 : read - row.oldest,
    });
  }
  return found;
}

/** A phase with its times, as far as they are known: a phase without a planned end is left out until it has ended. */
export interface PlannedPhase {
  readonly name: string;
  readonly measured: boolean;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * SQL that lets a connection read the facts of a run that goes on as if they were whole: `events` of its own, and the
 * load phase that is under way with its planned end. Every table of a connection comes before the one that all share.
 */
export function openPhaseSql(current: PlannedPhase | null): string {
  const shared = 'memory.main.phases';
  if (current === null) return `CREATE OR REPLACE TEMP VIEW phases AS FROM ${shared}`;
  const { name, measured, startMs, endMs } = current;
  return `CREATE OR REPLACE TEMP VIEW phases AS FROM ${shared} UNION ALL
    SELECT ${quoted(name)}, 'load', ${measured}, ${startMs}::DOUBLE, ${endMs}::DOUBLE
    WHERE ${quoted(name)} NOT IN (SELECT name FROM ${shared})`;
}
