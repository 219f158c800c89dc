import { STREAMS, type Stream } from '../../scenario/scenario.ts';
import type { FactFile } from './fact-file.ts';

/** Messages of one stream at each step of the producing side. */
export interface Counts {
  scheduled: number;
  handedOver: number;
  acknowledged: number;
  /** Bytes of the values handed over. */
  bytes: number;
}

const zeroCounts = (): Counts => ({ scheduled: 0, handedOver: 0, acknowledged: 0, bytes: 0 });

function zeroTotals(): Record<Stream, Counts> {
  return Object.fromEntries(STREAMS.map((stream) => [stream, zeroCounts()])) as Record<
    Stream,
    Counts
  >;
}

/** Sums what several workers counted. */
export function sumCounts(
  parts: readonly Readonly<Record<Stream, Counts>>[],
): Record<Stream, Counts> {
  const total = zeroTotals();
  for (const part of parts) {
    for (const stream of STREAMS) {
      for (const step of ['scheduled', 'handedOver', 'acknowledged', 'bytes'] as const) {
        total[stream][step] += part[stream][step];
      }
    }
  }
  return total;
}

/** Counts per stream, in total and per second, so that they can be summed per phase later. */
export class Tally {
  readonly totals = zeroTotals();
  readonly #seconds = new Map<number, Record<Stream, Counts>>();
  #lastSecond = Number.NaN;
  #lastCounts = zeroTotals();

  /** `atMs` (epoch): when it was due for `scheduled`, else when the step happened. */
  count(step: keyof Counts, stream: Stream, atMs: number, amount = 1): void {
    this.#countsOf(Math.floor(atMs / 1_000) * 1_000)[stream][step] += amount;
    this.totals[stream][step] += amount;
  }

  /** Nearly every call is for the second of the last one. */
  #countsOf(second: number): Record<Stream, Counts> {
    if (second === this.#lastSecond) return this.#lastCounts;
    let counts = this.#seconds.get(second);
    if (counts === undefined) {
      counts = zeroTotals();
      this.#seconds.set(second, counts);
    }
    this.#lastSecond = second;
    this.#lastCounts = counts;
    return counts;
  }

  /** Writes the rows of `load`, in order of time. */
  writeTo(file: FactFile, worker: number): void {
    for (const [second, counts] of [...this.#seconds].sort(([a], [b]) => a - b)) {
      for (const stream of STREAMS) {
        const { scheduled, handedOver, acknowledged, bytes } = counts[stream];
        if (scheduled + handedOver + acknowledged === 0) continue;
        file.append([second, worker, stream, scheduled, handedOver, acknowledged, bytes]);
      }
    }
  }
}
