import { grouped } from '../../core/grouped.ts';
import { bootstrap, type Interval } from '../../core/intervals.ts';
import { MIN_SAMPLES } from '../../core/metrics.ts';
import type { CompactionRecord, Metric } from '../../record/record.ts';
import { type Meanwhile, meanwhile, type StepEffect } from './at-work.ts';
import type { CompactionRun, MeasuredPhase, Measuring } from './context.ts';
import { gainLasts } from './gain-lasts.ts';
import { scalar } from './metric.ts';
import { samplesMissing } from './sampled.ts';

/** The part of a compaction's record that is computed from the facts. */
export type CompactionMeasured = Pick<
  CompactionRecord,
  | 'phase'
  | Exclude<keyof Meanwhile, 'steps'>
  | 'roundBefore'
  | 'roundAfter'
  | 'payback'
  | 'gainLastsMs'
  | 'gainLastsInterval'
> & { readonly steps?: readonly StepEffect[] };

/** From the end of the previous compaction to the start of the next one, epoch ms: effects in it belong to this one alone. */
export interface CompactionWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Effects of each compaction on demand: staleness and latency while it ran, what it saved, and for how long. */
export async function measureCompactions(measuring: Measuring): Promise<CompactionMeasured[]> {
  const { compactions } = measuring.context;
  const measured: CompactionMeasured[] = [];
  for (const [i, run] of compactions.entries()) {
    const fromMs = compactions[i - 1]?.endMs ?? Number.NEGATIVE_INFINITY;
    const toMs = compactions[i + 1]?.startMs ?? Number.POSITIVE_INFINITY;
    measured.push(await measureCompaction(measuring, run, { fromMs, toMs }));
  }
  return measured;
}

async function measureCompaction(
  measuring: Measuring,
  run: CompactionRun,
  window: CompactionWindow,
): Promise<CompactionMeasured> {
  const { phases } = measuring;
  const rounds = phases.filter(
    ({ kind, startMs, endMs }) =>
      kind === 'query' && startMs >= window.fromMs && endMs <= window.toMs,
  );
  const before = rounds.findLast(({ endMs }) => endMs <= run.startMs);
  const after = rounds.find(({ startMs }) => startMs >= run.endMs);
  const roundBefore = before ? await roundOf(measuring, before.name) : [];
  const roundAfter = after ? await roundOf(measuring, after.name) : [];
  return {
    phase: run.phase,
    ...(await meanwhile(measuring, run)),
    ...(complete(roundBefore) ? { roundBefore: costOf(roundBefore) } : {}),
    ...(complete(roundAfter) ? { roundAfter: costOf(roundAfter) } : {}),
    payback: paybackOf(run.coreSeconds, roundBefore, roundAfter),
    ...(await gainLasts(measuring, run, window)),
  };
}

/** Hot samples of one query in a round: core-seconds of each answer; null: no answer, or CPU time unknown. */
export interface RoundQuery {
  readonly name: string;
  readonly coreSeconds: readonly (number | null)[];
}

async function roundOf({ sql }: Measuring, phase: string): Promise<RoundQuery[]> {
  const rows = await sql.rows<{ name: string; cpu: number | null }>(
    `SELECT name, CASE outcome WHEN 'ok' THEN cpu_s END AS cpu
     FROM first_engine_queries WHERE phase = $phase AND mode = 'hot' ORDER BY name, start_ms`,
    { phase },
  );
  return [...grouped(rows, ({ name }) => name)].map(([name, of]) => {
    return { name, coreSeconds: of.map(({ cpu }) => cpu) };
  });
}

const answers = ({ coreSeconds }: RoundQuery) => coreSeconds.filter((cpu) => cpu !== null);

/** Whether every sample of every query has an answer; otherwise the round has no cost. */
export function complete(round: readonly RoundQuery[]): boolean {
  return round.length > 0 && round.every((one) => answers(one).length === one.coreSeconds.length);
}

/** Core-seconds of one hot round: the mean of each query, summed over the queries. */
export function costOf(round: readonly RoundQuery[]): number {
  return sumOfMeans(round.map(answers));
}

function sumOfMeans(queries: readonly (readonly number[])[]): number {
  return queries.reduce(
    (total, of) => total + of.reduce((sum, cpu) => sum + cpu, 0) / of.length,
    0,
  );
}

/**
 * Rounds until the compaction has paid back: core-seconds spent ÷ core-seconds saved per round of all queries. The
 * saving is an estimate: a stratified bootstrap resamples each query of both rounds by itself. If its interval contains
 * 0, the saving is not distinguishable from noise.
 */
export function paybackOf(
  spent: number | null,
  before: readonly RoundQuery[],
  after: readonly RoundQuery[],
): CompactionRecord['payback'] {
  const nothing = (reason: string) => ({ kind: 'no data', reason }) as const;
  for (const [when, round] of [
    ['before', before],
    ['after', after],
  ] as const) {
    if (!complete(round)) {
      return nothing(`no round ${when} the compaction in which every query gave an answer`);
    }
  }
  const [fewest] = [...before, ...after].toSorted(
    (a, b) => a.coreSeconds.length - b.coreSeconds.length,
  );
  const n = fewest?.coreSeconds.length ?? 0;
  if (n < MIN_SAMPLES) {
    return nothing(
      `${fewest?.name} has only ${n} answers in a round, and it needs ${MIN_SAMPLES} of each query`,
    );
  }
  const value = costOf(before) - costOf(after);
  const interval = bootstrap([...before.map(answers), ...after.map(answers)], (drawn) => {
    return sumOfMeans(drawn.slice(0, before.length)) - sumOfMeans(drawn.slice(before.length));
  });
  if (interval.high <= 0) return { kind: 'does not pay back', n };
  if (interval.low <= 0) return nothing(withinNoise({ value, n, interval }));
  if (spent === null) return nothing('the CPU time of the compaction is unknown');
  const rounds = { low: spent / interval.high, high: spent / interval.low };
  return { kind: 'pays back', rounds: spent / value, interval: rounds, n };
}

function withinNoise(saved: { value: number; n: number; interval: Interval }): string {
  const { value, interval } = saved;
  const missing = samplesMissing(saved, 0);
  const more = missing === null ? '' : `: it needs about ${missing} more samples of each query`;
  return (
    `a round saves ${value.toFixed(2)} core-s, and the 95 % interval ` +
    `${interval.low.toFixed(2)} to ${interval.high.toFixed(2)} contains 0${more}`
  );
}

/** The metric `payback`, of the last `compact` phase: +∞ when it never pays back, absent without data. */
export function paybackMetric(
  measured: readonly CompactionMeasured[],
  phases: readonly Pick<MeasuredPhase, 'name' | 'kind'>[],
): Metric[] {
  const last = phases.findLast(({ kind }) => kind === 'compact')?.name;
  const payback = measured.find(({ phase }) => phase === last)?.payback;
  if (payback === undefined || payback.kind === 'no data') return [];
  const labels = { of: null, phase: null };
  const { n = 0 } = payback;
  if (payback.kind === 'does not pay back') {
    return [scalar('payback', labels, n, Number.POSITIVE_INFINITY)];
  }
  const { rounds, interval } = payback;
  const bounds = interval && { low: interval.low, high: interval.high ?? Number.POSITIVE_INFINITY };
  return [scalar('payback', labels, n, rounds, bounds)];
}
