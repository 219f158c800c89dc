import { grouped } from '../../core/grouped.ts';
import { bootstrap, type Interval, wilson } from '../../core/intervals.ts';
import { LEVELS, type Level } from '../../core/metrics.ts';
import type { Metric, PromisePhase, Promises, PromiseTally } from '../../record/record.ts';
import type { TimedPhase } from '../../scenario/timeline.ts';
import { lowStockFailure, sellDownFailure } from '../truth/promises/demand.ts';
import type { Fate, LineFate, OrderFate } from '../truth/promises/promises.ts';
import type { PromiseReplay } from '../truth/promises/replay.ts';
import { scalar } from './metric.ts';

/** Lost margin, voucher and contact of one broken promise, USD: an estimate, no public figure. */
export const USD_PER_BROKEN_PROMISE = 12;
const PER_PROMISES = 10_000;
/** With fewer rows behind the stale lines, their number is chance and is not compared with a formula. */
const ROWS_TO_COMPARE = 10;

/**
 * The promises of every phase, from the fates of its orders. `lagOf`: the mean staleness of the stock in a phase, ms;
 * null: some changes were never visible; undefined: no change fell into it.
 */
export function promiseSection(
  replay: Omit<PromiseReplay, 'dataset'>,
  lagOf: (phase: string) => number | null | undefined,
): Promises {
  return {
    usdEach: USD_PER_BROKEN_PROMISE,
    phases: replay.phases.map((phase) => {
      const fates = replay.fates.filter(({ order }) => order.phase === phase.phase.name);
      const rows = (fate: Fate) => rowsWith(fates, fate);
      const line = tallyOf(judgedPromises('line', fates));
      return {
        phase: phase.phase.name,
        line,
        order: tallyOf(judgedPromises('order', fates)),
        staleRows: rows('stale'),
        phantomRows: rows('phantom'),
        check: checkOf(replay, phase, fates, {
          line,
          rows: rows('stale'),
          lagMs: lagOf(phase.phase.name),
        }),
      };
    }),
  };
}

/** The fate of a line or an order, and the stock row (store and SKU) that decided it. */
export interface JudgedPromise {
  readonly fate: Fate;
  readonly row: string;
}

/** An order is decided by the first of its lines that has its fate. */
function judgedPromises(level: Level, fates: readonly OrderFate[]): readonly JudgedPromise[] {
  const at = ({ store }: OrderFate['order'], sku: number | undefined) => `${store}/${sku}`;
  if (level === 'line') {
    return fates.flatMap(({ order, lines }) =>
      lines.map(({ fate, sku }) => ({ fate, row: at(order, sku) })),
    );
  }
  return fates.map(({ order, lines, fate }) => ({
    fate,
    row: at(order, lines.find((line) => line.fate === fate)?.sku),
  }));
}

const PROMISED: readonly Fate[] = ['kept', 'stale', 'phantom'];
const BROKEN: readonly Fate[] = ['stale', 'phantom'];

/**
 * 95 % interval of the share of promises with one of these fates. Promises on one row fail together, so the rows are
 * resampled, not the promises (cluster bootstrap: A. C. Davison, D. V. Hinkley, Bootstrap Methods, 3.8). If no row has
 * such a promise it is Wilson's interval, with one trial per row.
 */
export function shareInterval(judged: readonly JudgedPromise[], fates: readonly Fate[]): Interval {
  const rows = [...grouped(judged, ({ row }) => row).values()].map((of) => ({
    hits: of.filter(({ fate }) => fates.includes(fate)).length,
    promised: of.filter(({ fate }) => PROMISED.includes(fate)).length,
  }));
  const promisedRows = rows.filter(({ promised }) => promised > 0);
  if (promisedRows.every(({ hits }) => hits === 0)) return wilson(0, promisedRows.length);
  return bootstrap([promisedRows], ([drawn = []]) => {
    let hits = 0;
    let promised = 0;
    for (const row of drawn) {
      hits += row.hits;
      promised += row.promised;
    }
    return hits / promised;
  });
}

const per10kOf = ({ low, high }: Interval): Interval => ({
  low: PER_PROMISES * low,
  high: PER_PROMISES * high,
});

function tallyOf(judged: readonly JudgedPromise[]): PromiseTally {
  const n = (wanted: Fate) => judged.filter(({ fate }) => fate === wanted).length;
  const [stale, phantom, missedStale, missedPhantom] = [
    n('stale'),
    n('phantom'),
    n('missed_stale'),
    n('missed_phantom'),
  ];
  const promised = n('kept') + stale + phantom;
  const tally = {
    promised,
    stale,
    phantom,
    refused: judged.length - promised,
    missedStale,
    missedPhantom,
  };
  if (promised === 0) return tally;
  const per10k = (PER_PROMISES * (stale + phantom)) / promised;
  return { ...tally, broken: { per10k, ...per10kOf(shareInterval(judged, BROKEN)) } };
}

function rowsWith(fates: readonly OrderFate[], wanted: Fate): number {
  const rows = new Set<string>();
  for (const { order, lines } of fates) {
    for (const { sku, fate } of lines) if (fate === wanted) rows.add(`${order.store}/${sku}`);
  }
  return rows.size;
}

/** Mean staleness of the stock. Times a rate of sales it is the mean number of sales not yet visible (Little's law). */
export function lagOf(
  staleness: readonly Metric[],
  dataset: string,
  phase: string,
): number | null | undefined {
  const found = staleness.find(
    ({ name, of, phase: at }) => name === 'staleness' && of === dataset && at === phase,
  );
  return found?.shape === 'distribution' ? found.stats.mean : undefined;
}

interface Counted {
  readonly line: PromiseTally;
  readonly rows: number;
  readonly lagMs: number | null | undefined;
}

function checkOf(
  { demand }: Pick<PromiseReplay, 'demand'>,
  phase: TimedPhase,
  fates: readonly OrderFate[],
  { line, rows, lagMs }: Counted,
): PromisePhase['check'] {
  const promised = fates.flatMap(({ order, lines }) =>
    lines
      .filter(({ shown, quantity }) => shown >= quantity)
      .map((one) => ({ one, down: demand.of(phase, order.store, one.sku) })),
  );
  const per10k = (share: number) => (PER_PROMISES * share) / line.promised;
  const sellOut = promised.map(({ one, down }) => sellOutMs(one, down)).sort((a, b) => a - b);
  const within = sellOut.filter((ms) => ms < phase.endMs - phase.startMs).length;
  const median = sellOut[Math.floor(sellOut.length / 2)];
  const base = {
    ...(median === undefined ? {} : { sellOutMs: Number.isFinite(median) ? median : null }),
    ...(sellOut.length === 0
      ? {}
      : { withinPhase: within / sellOut.length, counted: per10k(line.stale) }),
  };
  if (lagMs === undefined) return { ...base, doubt: 'no change of the stock fell into the phase' };
  if (lagMs === null) {
    return { ...base, lagMs, doubt: 'some changes were never visible, so the lag is unbounded' };
  }
  if (line.promised === 0) return { ...base, lagMs, doubt: 'nothing was promised' };
  const sum = (share: (ms: number, spare: number, perMs: number) => number) =>
    promised.reduce(
      (total, { one, down }) =>
        total + share(sellOutMs(one, down), one.shown - one.quantity + 1, down.salesPerMs),
      0,
    );
  return {
    ...base,
    lagMs,
    sellDown: per10k(sum((ms) => sellDownFailure(lagMs, ms))),
    lowStock: per10k(sum((_, spare, perMs) => lowStockFailure(lagMs, perMs, spare))),
    doubt: doubtOf(phase, rows, lagMs),
  };
}

/** Nothing happens before t0, so a view is never further behind than the time since t0. */
function doubtOf({ startMs, endMs }: TimedPhase, rows: number, lagMs: number): string | null {
  if (lagMs > (startMs + endMs) / 2)
    return 'half of the phase is shorter than the staleness of its stock';
  if (rows >= ROWS_TO_COMPARE) return null;
  return `only ${rows} of the stock's rows ran short unseen, which is too few`;
}

/** Time from the start of the phase (or the restocking that the view showed) until the stock is too low for this line. */
function sellOutMs(
  { shown, quantity }: LineFate,
  { opening, unitsPerMs }: { readonly opening: number; readonly unitsPerMs: number },
): number {
  if (unitsPerMs === 0) return Number.POSITIVE_INFINITY;
  return (Math.max(opening, shown) - quantity + 1) / unitsPerMs;
}

/** Broken promises, and the stale ones among them, per 10,000 made, per phase and in total. */
export function promiseMetrics({ phases, fates }: PromiseReplay): Metric[] {
  return LEVELS.flatMap((level) =>
    [...phases.map(({ phase }) => phase.name), null].flatMap((phase) => {
      const judged = judgedPromises(
        level,
        fates.filter(({ order }) => phase === null || order.phase === phase),
      );
      return [
        shareMetric('promises_broken', { of: level, phase }, judged, BROKEN),
        shareMetric('promises_stale', { of: level, phase }, judged, ['stale']),
      ];
    }),
  );
}

function shareMetric(
  name: 'promises_broken' | 'promises_stale',
  labels: { readonly of: Level; readonly phase: string | null },
  judged: readonly JudgedPromise[],
  fates: readonly Fate[],
): Metric {
  const promised = judged.filter(({ fate }) => PROMISED.includes(fate)).length;
  const hits = judged.filter(({ fate }) => fates.includes(fate)).length;
  if (promised === 0) return scalar(name, labels, 0, 0);
  const interval = per10kOf(shareInterval(judged, fates));
  return scalar(name, labels, promised, (PER_PROMISES * hits) / promised, interval);
}
