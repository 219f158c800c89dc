import { bytes, count, duration, latency, type Maybe } from '../core/readable.ts';
import type { CompactionRecord, Stats } from '../record/record.ts';

/** The numbers that are printed outside reports as well; null is +∞ (see record.ts). */
export { bytes, count, duration, latency, type Maybe };

/**
 * Two durations in one unit, `0.88 / 2.40 s`, so that a column of pairs can be compared by eye; +∞ as
 * in `latency`.
 */
export function durationPair(a: Maybe, b: Maybe, atLeastMs: number): string {
  if (a === undefined || b === undefined) return 'no data';
  if (atLeastMs <= 0 && (a === null || b === null)) {
    return a === null ? 'never' : `${latency(a, 0)} / ${latency(b, 0)}`;
  }
  const top = Math.max(...[a, b].map((ms) => Math.abs(ms ?? atLeastMs)));
  const digits = top < 9_995 ? 2 : 1;
  const text = (ms: number) => (top < 999.5 ? ms.toFixed(0) : (ms / 1000).toFixed(digits));
  // A bound of minutes needs no tenths, which would widen its column.
  const bound = atLeastMs < 99_950 ? text(atLeastMs) : (atLeastMs / 1000).toFixed(0);
  const part = (ms: number | null) => (ms !== null ? text(ms) : `≥${bound}`);
  return `${part(a)} / ${part(b)} ${top < 999.5 ? 'ms' : 's'}`;
}

/** A share of 1 as a percentage. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value !== 0 && Math.abs(value) < 9.95 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** A factor: `0.21`, `12.4`, `128`. */
export function ratio(value: number): string {
  if (Math.abs(value) >= 99.95) return count(value);
  return Math.abs(value) >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

const hundredths = new Intl.NumberFormat('en-US', { minimumFractionDigits: 2 });

/** Cents as money, in the retailer's own currency: `1,234.50`. */
export function money(cents: number): string {
  return hundredths.format(cents / 100);
}

/** A number with its sign, 0 without one. */
export function signed(value: number, text: (value: number) => string): string {
  return value > 0 ? `+${text(value)}` : text(value);
}

/** A moment of the run, ms since t0, as `1:40`. */
export function moment(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const sign = ms < 0 && seconds > 0 ? '-' : '';
  return `${sign}${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Any measured value in the unit of its metric (src/core/metrics.ts). */
export function inUnit(value: Maybe, unit: string): string {
  if (value === undefined) return 'no data';
  if (unit === 'ms') return latency(value, 0);
  if (value === null) return unit === 'rounds' ? 'does not pay back' : 'unbounded';
  if (unit === 'bytes') return bytes(value);
  if (unit === 'ratio') return ratio(value);
  if (unit === 'percent') return `${ratio(value)} %`;
  if (unit === 'count') return count(value);
  return `${Number.isInteger(value) ? count(value) : ratio(value)} ${unit}`;
}

/** The highest quantile a distribution has: p99 when n supports it, else the maximum, and its name. */
export function tail(stats: Stats): { readonly name: 'p99' | 'max'; readonly value: Maybe } {
  return stats.p99 !== undefined
    ? { name: 'p99', value: stats.p99 }
    : { name: 'max', value: stats.max };
}

/** Query rounds with their 95 % interval, where the record has it: `7.0 [6.1–8.3]`. */
export function paybackText({
  rounds,
  interval,
}: Extract<CompactionRecord['payback'], { readonly kind: 'pays back' }>): string {
  if (interval === undefined) return ratio(rounds);
  const high = interval.high === null ? '∞' : ratio(interval.high);
  return `${ratio(rounds)} [${ratio(interval.low)}–${high}]`;
}

/** `1 file`, `2 files`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
