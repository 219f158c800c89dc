import type { Recording } from '../../scenario/recording.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { RateCurve } from './curve.ts';

/**
 * So many receipts, one after another, take as long as the load says they take; within them the spacing is as
 * it was recorded. Nights and busy hours of the recording do not get into the load, its bursts do.
 */
const STRETCHED_TOGETHER = 16;

/** A store, as far as it matters who rings up what. */
interface Sized {
  readonly number: number;
  readonly size: number;
}

/** A recording laid out over the scenario's stores. */
export interface RecordedTape {
  readonly recording: Recording;
  /** Per receipt: how many are due before it, a fraction included: its time on the load's own clock. */
  readonly place: Float64Array;
  /** The receipts of a store, in their order. */
  readonly of: (store: number) => Int32Array;
  /** The load as the chain has it: one clock for all stores, so that the recorded order holds across them. */
  readonly curve: RateCurve;
  /** Receipts per ms of the whole chain at factor 1. */
  readonly perMs: number;
}

/** The recording of a scenario that replays one; null: its receipts are generated. */
function recordingOf({ traffic }: Scenario): Recording | null {
  const tape = traffic.pos?.tape ?? null;
  if (tape === null) return null;
  if (tape.recording === null) throw new Error(`${tape.file} has not been read`);
  return tape.recording;
}

/** Lays the recording of a scenario out, if it has one. */
export function recordedTapeOf(scenario: Scenario, stores: readonly Sized[]): RecordedTape | null {
  const recording = recordingOf(scenario);
  const { pos } = scenario.traffic;
  if (recording === null || pos === null) return null;
  const { retail } = scenario;
  return {
    recording,
    place: placesOf(recording.atMs),
    of: dealt(recording, stores),
    curve: new RateCurve(scenario, retail.profile),
    perMs: (pos.receiptsPerStoreHour * retail.stores) / 3_600_000,
  };
}

/** Recorded times on the load's clock: see STRETCHED_TOGETHER. */
export function placesOf(atMs: Float64Array): Float64Array {
  const places = new Float64Array(atMs.length);
  for (let from = 0; from < atMs.length; from += STRETCHED_TOGETHER) {
    const to = Math.min(from + STRETCHED_TOGETHER, atMs.length);
    const startMs = atMs[from] as number;
    const lastMs = atMs[to - 1] as number;
    // Nothing follows the last stretch: it ends a mean gap after its last receipt.
    const endMs = atMs[to] ?? lastMs + (lastMs - startMs) / Math.max(1, to - from - 1);
    for (let i = from; i < to; i++) {
      const share =
        endMs > startMs
          ? ((atMs[i] as number) - startMs) / (endMs - startMs)
          : (i - from) / (to - from);
      places[i] = from + share * (to - from);
    }
  }
  return places;
}

/**
 * Who rings up what: the busiest recorded store is the largest of the scenario, and so on. More recorded stores
 * than there are go round again; of fewer, each is dealt out in turn to as many as it has to stand for.
 */
function dealt(
  { store, stores: recorded }: Recording,
  stores: readonly Sized[],
): RecordedTape['of'] {
  const bySize = [...stores].sort((a, b) => b.size - a.size || a.number - b.number);
  const turns = new Int32Array(recorded);
  const owner = new Int32Array(store.length);
  const counts = new Int32Array(stores.length + 2);
  store.forEach((rank, i) => {
    const base = rank % bySize.length;
    const share = Math.max(1, Math.ceil((bySize.length - base) / recorded));
    const turn = turns[rank] as number;
    turns[rank] = (turn + 1) % share;
    const { number } = bySize[base + turn * recorded] as Sized;
    owner[i] = number;
    counts[number + 1] = (counts[number + 1] as number) + 1;
  });
  for (let i = 1; i < counts.length; i++)
    counts[i] = (counts[i] as number) + (counts[i - 1] as number);
  const next = counts.slice();
  const receipts = new Int32Array(store.length);
  owner.forEach((number, i) => {
    receipts[next[number] as number] = i;
    next[number] = (next[number] as number) + 1;
  });
  return (number) => receipts.subarray(counts[number], counts[number + 1]);
}

/** What the mean receipt of a recording holds. */
interface RecordedMeans {
  /** Share of receipts that are returns. */
  readonly returns: number;
  /** Lines of a mean sale, those that move stock, and units sold on it. */
  readonly lines: number;
  readonly movingLines: number;
  readonly units: number;
  /** Lines of a mean return. */
  readonly returnedLines: number;
  /** What a mean sale comes to, cents. */
  readonly netCents: number;
}

/** The means of a recording, in one pass. */
export function meansOf(recording: Recording): RecordedMeans {
  const { firstLine, quantity, amountCents } = recording;
  const receipts = firstLine.length - 1;
  const sale = { receipts: 0, lines: 0, moving: 0, units: 0, cents: 0 };
  let returned = 0;
  for (let receipt = 0; receipt < receipts; receipt++) {
    const from = firstLine[receipt] as number;
    const to = firstLine[receipt + 1] as number;
    let [units, moving, cents] = [0, 0, 0];
    for (let i = from; i < to; i++) {
      const own = quantity[i] as number;
      units += Math.max(0, own);
      if (own !== 0) moving++;
      cents += amountCents[i] as number;
    }
    if (units === 0 && moving > 0) {
      returned += to - from;
      continue;
    }
    sale.receipts++;
    sale.lines += to - from;
    sale.moving += moving;
    sale.units += units;
    sale.cents += cents;
  }
  const returns = receipts - sale.receipts;
  const per = (sum: number) => sum / Math.max(1, sale.receipts);
  return {
    returns: returns / receipts,
    lines: per(sale.lines),
    movingLines: per(sale.moving),
    units: per(sale.units),
    returnedLines: returned / Math.max(1, returns),
    netCents: per(sale.cents),
  };
}

/** Popularity by rank as the recording has it: lines per SKU, none of them without any. */
export function recordedWeights({ product }: Recording, skus: number): Float64Array {
  const weights = new Float64Array(skus).fill(0.5);
  for (const rank of product) weights[rank % skus] = (weights[rank % skus] as number) + 1;
  return weights;
}
