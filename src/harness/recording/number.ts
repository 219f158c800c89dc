import { DAY_KINDS, type DayKind, type Recording, type TapeMap } from '../../scenario/recording.ts';
import type { Lines } from './lines.ts';

/** Lines of a file as a recording: stores and products ranked by their number of lines, receipts ordered by time. */
export function recordingOfLines(lines: Lines, map: TapeMap): Omit<Recording, 'sha256'> {
  const { receipts, stores, skus, members, measures, turned } = lines;
  const byTime = receipts
    .map((_, i) => i)
    .sort((a, b) => at(receipts, a).atMs - at(receipts, b).atMs || a - b);
  const storeRank = ranked(
    counted(
      receipts.map(({ store }) => store),
      stores.length,
    ),
    stores,
  );
  const skuRank = ranked(counted(lines.sku, skus.length), skus);
  const memberRank = new Int32Array(members.length).fill(-1);
  let known = 0;
  for (const i of byTime) {
    const { member } = at(receipts, i);
    if (member >= 0 && memberRank[member] === -1) memberRank[member] = known++;
  }
  const order = lineOrder(lines, byTime);
  const firstMs = at(receipts, byTime[0] as number).atMs;
  const column = (values: readonly number[]) =>
    shared(Int32Array, order.lines, (line) => values[line] as number);
  return {
    atMs: shared(Float64Array, byTime, (i) => at(receipts, i).atMs - firstMs),
    store: shared(Int32Array, byTime, (i) => storeRank[at(receipts, i).store] as number),
    member: shared(Int32Array, byTime, (i) => {
      const { member } = at(receipts, i);
      return member < 0 ? -1 : (memberRank[member] as number);
    }),
    firstLine: shared(Int32Array, order.firstLine, (first) => first),
    product: shared(
      Int32Array,
      order.lines,
      (line) => skuRank[lines.sku[line] as number] as number,
    ),
    quantity: column(lines.quantity),
    amountCents: column(lines.amountCents),
    discountCents: column(lines.discountCents),
    priceCents: shared(Int32Array, medianPrices(lines, skuRank), (price) => price),
    stores: stores.length,
    members: known,
    measures,
    turned,
    ...timesOf(
      byTime.map((i) => at(receipts, i).atMs),
      map.atZone,
    ),
  };
}

function at<T>(values: readonly T[], i: number): T {
  return values[i] as T;
}

function counted(values: readonly number[], size: number): Int32Array {
  const counts = new Int32Array(size);
  for (const value of values) counts[value] = (counts[value] as number) + 1;
  return counts;
}

/** Rank of each by count, the largest first; ties by name. */
function ranked(counts: Int32Array, names: readonly string[]): Int32Array {
  const order = names
    .map((_, i) => i)
    .sort(
      (a, b) =>
        at(counts as unknown as number[], b) - (counts[a] as number) ||
        (at(names, a) < at(names, b) ? -1 : 1),
    );
  const ranks = new Int32Array(names.length);
  order.forEach((i, rank) => {
    ranks[i] = rank;
  });
  return ranks;
}

/** The lines in the order of the receipts' times, within a receipt as in the file, and the index at which each receipt begins. */
function lineOrder(
  { receipt, receipts }: Lines,
  byTime: readonly number[],
): { readonly lines: Int32Array; readonly firstLine: Int32Array } {
  const firstLine = new Int32Array(byTime.length + 1);
  const next = new Int32Array(byTime.length);
  byTime.forEach((i, rank) => {
    next[i] = firstLine[rank] as number;
    firstLine[rank + 1] = (firstLine[rank] as number) + at(receipts, i).lines;
  });
  const lines = new Int32Array(receipt.length);
  receipt.forEach((i, line) => {
    lines[next[i] as number] = line;
    next[i] = (next[i] as number) + 1;
  });
  return { lines, firstLine };
}

/**
 * Per product: the median unit price of its sales, before discounts. A line with a negative amount, such as a
 * written-off debt, has no price; a product without a price costs nothing.
 */
function medianPrices(lines: Lines, skuRank: Int32Array): Int32Array {
  const prices: number[][] = Array.from(skuRank, () => []);
  lines.sku.forEach((sku, line) => {
    const units = lines.quantity[line] as number;
    const cents = (lines.amountCents[line] as number) + (lines.discountCents[line] as number);
    if (units > 0 && cents >= 0) prices[skuRank[sku] as number]?.push(Math.round(cents / units));
  });
  return Int32Array.from(prices, (own) => {
    own.sort((a, b) => a - b);
    return own[Math.ceil(own.length / 2) - 1] ?? 0;
  });
}

const SUNDAY = 0;
const SATURDAY = 6;

function timesOf(
  sorted: readonly number[],
  zone: string | null,
): Pick<Recording, 'from' | 'to' | 'hours'> {
  const local = zone === null ? (ms: number) => ms : zoneTime(zone);
  const hours = Object.fromEntries(
    DAY_KINDS.map((kind) => [kind, new Array<number>(24).fill(0)]),
  ) as Record<DayKind, number[]>;
  // When clocks go back, the last receipt by UTC may not be the last one by local time.
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const ms of sorted) {
    const own = local(ms);
    first = Math.min(first, own);
    last = Math.max(last, own);
    const date = new Date(own);
    const day = date.getUTCDay();
    const kind = day === SATURDAY ? 'saturday' : day === SUNDAY ? 'sunday' : 'weekday';
    const hour = date.getUTCHours();
    hours[kind][hour] = (hours[kind][hour] as number) + 1;
  }
  const text = (ms: number) => new Date(ms).toISOString().slice(0, 19);
  return { from: text(first), to: text(last), hours };
}

const QUARTER_MS = 900_000;

/** Local time of an instant in a zone. Offsets change only at quarters of an hour, so one look-up per quarter is enough. */
function zoneTime(zone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  const offsets = new Map<number, number>();
  return (ms) => {
    const quarter = Math.floor(ms / QUARTER_MS);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      const start = quarter * QUARTER_MS;
      offset = Date.parse(`${format.format(start).replace(' ', 'T')}Z`) - start;
      offsets.set(quarter, offset);
    }
    return ms + offset;
  };
}

/** A column in shared memory, which threads use without copying. */
function shared<T extends Int32Array | Float64Array>(
  type: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  from: ArrayLike<number>,
  of: (value: number) => number,
): T {
  const column = new type(new SharedArrayBuffer(from.length * type.BYTES_PER_ELEMENT));
  for (let i = 0; i < from.length; i++) column[i] = of(from[i] as number);
  return column;
}
