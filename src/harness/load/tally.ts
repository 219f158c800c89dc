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

/** The newest seconds that a tally keeps in memory: nearly every count is for one of them. */
const KEPT_SECONDS = 60;

/**
 * Counts per stream, in total and per second, so that they can be summed per phase later. It writes older seconds to the
 * file as rows of `load`: a second that is counted in again later has a second row.
 */
export class Tally {
  readonly totals = zeroTotals();
  readonly #file: FactFile;
  readonly #worker: number;
  readonly #seconds = new Map<number, Record<Stream, Counts>>();
  #lastSecond = Number.NaN;
  #lastCounts = zeroTotals();

  constructor(file: FactFile, worker: number) {
    this.#file = file;
    this.#worker = worker;
  }

  /** `atMs` (epoch): when it was due for `scheduled`, else when the step happened. */
  count(step: keyof Counts, stream: Stream, atMs: number, amount = 1): void {
    this.#countsOf(Math.floor(atMs / 1_000) * 1_000)[stream][step] += amount;
    this.totals[stream][step] += amount;
  }

  /** Writes what has not been written yet, before the file is closed. */
  writeAll(): void {
    this.#write(0);
  }

  /** Nearly every call is for the second of the last one. */
  #countsOf(second: number): Record<Stream, Counts> {
    if (second === this.#lastSecond) return this.#lastCounts;
    let counts = this.#seconds.get(second);
    if (counts === undefined) {
      if (this.#seconds.size >= 2 * KEPT_SECONDS) this.#write(KEPT_SECONDS);
      counts = zeroTotals();
      this.#seconds.set(second, counts);
    }
    this.#lastSecond = second;
    this.#lastCounts = counts;
    return counts;
  }

  /** Writes all but the newest `kept` seconds, in order of time, and forgets them. */
  #write(kept: number): void {
    const oldestFirst = [...this.#seconds].sort(([a], [b]) => a - b);
    for (const [second, counts] of oldestFirst.slice(0, oldestFirst.length - kept)) {
      this.#seconds.delete(second);
      for (const stream of STREAMS) {
        const { scheduled, handedOver, acknowledged, bytes } = counts[stream];
        if (scheduled + handedOver + acknowledged === 0) continue;
        const row = [second, this.#worker, stream, scheduled, handedOver, acknowledged, bytes];
        this.#file.append(row);
      }
    }
  }
}
