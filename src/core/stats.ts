import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  type JsHistogram,
} from 'hdr-histogram-js';
import type { Stat } from './metrics.ts';

/**
 * Distributions of measured numbers, in ms. A sample may be +Infinity: an event that had not happened when
 * the run ended. It counts in every rank, so that an event that was never seen cannot improve a percentile.
 * Percentiles are nearest-rank and never averaged.
 */

/** A value and its number of occurrences. */
export interface Weighted {
  readonly value: number;
  readonly count: number;
}

/** Samples as the record keeps them: raw values if there are few, otherwise a mergeable histogram. */
type Samples =
  | { readonly kind: 'raw'; readonly values: readonly (number | null)[] }
  | {
      readonly kind: 'hdr';
      readonly base64: string;
      readonly scale: number;
      readonly negatives: number;
      readonly censored: number;
    };

/** null stands for +Infinity; a statistic that n does not support is absent. */
type Stats = Readonly<Partial<Record<Stat, number | null>>>;

/** Summary of samples: their number, the numbers at +∞ and below 0, and statistics. */
export interface Distribution {
  readonly n: number;
  readonly censored: number;
  readonly negatives: number;
  readonly stats: Stats;
  readonly samples: Samples;
}

/** From this many samples on, a histogram is kept instead of the values. */
const RAW_BELOW = 1_000;
/** The quantiles a distribution has, by the name of the statistic. */
export const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99, p999: 0.999 } as const;
type Quantile = keyof typeof QUANTILES;
/** With fewer than 1 / (1 - p) samples the quantile p equals the maximum, and is left out. */
const NEEDS: Readonly<Record<Quantile, number>> = { p50: 1, p95: 20, p99: 100, p999: 1_000 };

/** Least number of samples with which a distribution has this statistic. */
export function samplesFor(stat: Stat): number {
  return stat in NEEDS ? NEEDS[stat as Quantile] : 1;
}

/** A histogram counts microseconds, to three digits. */
const SCALE = 1_000;
const DIGITS = 3;
/** 1,000 hours: the same range in every histogram, so that any two can be added. */
const HIGHEST = 1_000 * 3_600_000 * SCALE;

/** Adds up equal values. */
export function weighted(values: Iterable<number>): readonly Weighted[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count }));
}

/** One statistic of ascending values, +∞ allowed; of no value it is not a number. */
export function statisticOf(sorted: ArrayLike<number>, stat: Stat): number {
  const last = sorted.length - 1;
  if (stat === 'max') return sorted[last] ?? Number.NaN;
  if (stat === 'min') return sorted[0] ?? Number.NaN;
  if (stat === 'mean')
    return Array.from(sorted).reduce((sum, value) => sum + value, 0) / sorted.length;
  return sorted[Math.max(1, Math.ceil(QUANTILES[stat] * sorted.length)) - 1] ?? Number.NaN;
}

/** The distribution of weighted values; lists can be concatenated. */
export function distributionOf(values: readonly Weighted[]): Distribution {
  const sorted = values.filter(({ count }) => count > 0).sort((a, b) => a.value - b.value);
  const total = (list: readonly Weighted[]) => list.reduce((sum, { count }) => sum + count, 0);
  const n = total(sorted);
  const censored = total(sorted.filter(({ value }) => value === Number.POSITIVE_INFINITY));
  const negatives = total(sorted.filter(({ value }) => value < 0));
  return { n, censored, negatives, stats: statsOf(sorted, n), samples: samplesOf(sorted, n) };
}

function statsOf(sorted: readonly Weighted[], n: number): Stats {
  const [first] = sorted;
  const last = sorted.at(-1);
  if (!first || !last) return {};
  const sum = sorted.reduce((total, { value, count }) => total + value * count, 0);
  const quantiles = Object.entries(QUANTILES)
    .filter(([stat]) => n >= NEEDS[stat as Quantile])
    .map(([stat, p]) => [stat, rank(sorted, n, p)] as const);
  const all = [...quantiles, ['max', last.value], ['mean', sum / n], ['min', first.value]] as const;
  return Object.fromEntries(all.map(([stat, value]) => [stat, finite(value)]));
}

/** Nearest rank: the smallest value that at least the share `p` of the samples do not exceed. */
function rank(sorted: readonly Weighted[], n: number, p: number): number {
  let left = Math.max(1, Math.ceil(p * n));
  for (const { value, count } of sorted) {
    left -= count;
    if (left <= 0) return value;
  }
  return Number.NaN;
}

function finite(value: number): number | null {
  return value === Number.POSITIVE_INFINITY ? null : value;
}

function samplesOf(sorted: readonly Weighted[], n: number): Samples {
  if (n < RAW_BELOW) {
    const values = sorted.flatMap(({ value, count }) => Array<number>(count).fill(value));
    return { kind: 'raw', values: values.map(finite) };
  }
  const histogram = empty();
  let negatives = 0;
  let censored = 0;
  for (const { value, count } of sorted) {
    if (value === Number.POSITIVE_INFINITY) censored += count;
    else if (value < 0) negatives += count;
    else histogram.recordValueWithCount(Math.round(value * SCALE), count);
  }
  return encoded(histogram, negatives, censored);
}

function empty(): Histogram {
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: DIGITS,
    autoResize: false,
    useWebAssembly: false,
  });
}

function encoded(histogram: Histogram, negatives: number, censored: number): Samples {
  const base64 = encodeIntoCompressedBase64(histogram);
  return { kind: 'hdr', base64, scale: SCALE, negatives, censored };
}

/** Merges the samples of several distributions, with the same result as one distribution of all samples. */
export function mergeSamples(parts: readonly Samples[]): Samples {
  const raw = parts.filter((part) => part.kind === 'raw');
  const hdr = parts.filter((part) => part.kind === 'hdr');
  const values = weighted(
    raw.flatMap((part) => part.values.map((value) => value ?? Number.POSITIVE_INFINITY)),
  );
  const few = distributionOf(values);
  if (hdr.length === 0) return few.samples;
  const histogram = empty();
  let negatives = few.negatives;
  let censored = few.censored;
  for (const { value, count } of values) {
    if (value >= 0 && Number.isFinite(value)) {
      histogram.recordValueWithCount(Math.round(value * SCALE), count);
    }
  }
  for (const part of hdr) {
    if (part.scale !== SCALE) throw new Error(`a histogram of scale ${part.scale}, not ${SCALE}`);
    histogram.add(decodeFromCompressedBase64(part.base64, 32, false, HIGHEST));
    negatives += part.negatives;
    censored += part.censored;
  }
  return encoded(histogram, negatives, censored);
}

/**
 * The samples of a distribution, ascending, +∞ last. Those of a histogram are the upper ends of its buckets (three
 * digits); negative samples are in no bucket, and count as 0 here.
 */
export function valuesOf(samples: Samples): readonly number[] {
  if (samples.kind === 'raw') {
    return samples.values
      .map((value) => value ?? Number.POSITIVE_INFINITY)
      .sort((a, b) => (a === b ? 0 : a - b));
  }
  const values = Array<number>(samples.negatives).fill(0);
  const buckets = (decodeFromCompressedBase64(samples.base64, 32, false) as JsHistogram)
    .recordedValuesIterator;
  buckets.reset();
  while (buckets.hasNext()) {
    const { valueIteratedTo, countAtValueIteratedTo } = buckets.next();
    for (let i = 0; i < countAtValueIteratedTo; i++) values.push(valueIteratedTo / samples.scale);
  }
  for (let i = 0; i < samples.censored; i++) values.push(Number.POSITIVE_INFINITY);
  return values;
}
