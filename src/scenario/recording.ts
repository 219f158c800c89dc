/** Columns of a recorded file by what they hold, as the map of a scenario writes it. */
export interface TapeColumns {
  readonly receipt: string;
  /** Left out: all receipts are of one store. */
  readonly store?: string | undefined;
  readonly at: string;
  /** The time of day, where `at` is only the date. */
  readonly at_time?: string | undefined;
  readonly sku: string;
  readonly quantity: string;
  /** What the line came to, discounts taken off; either this or `price`. */
  readonly amount?: string | undefined;
  /** What one unit costs, before discounts. */
  readonly price?: string | undefined;
  /** What was taken off; left out: nothing. */
  readonly discount?: string | undefined;
  /** Left out: members are drawn, as for generated receipts. */
  readonly member?: string | undefined;
}

/** Which column of a recorded file is what, and how it is to be read. */
export interface TapeMap {
  readonly columns: TapeColumns;
  /** How `at` is written, in directives of strptime; null: ISO 8601. */
  readonly atFormat: string | null;
  /** The date of day 1, where `at` is the number of a day; null: it is a date. */
  readonly atDayOne: string | null;
  /** The shops' time zone, where `at` is UTC; null: `at` is the shops' own time. */
  readonly atZone: string | null;
  /** The largest quantity that is a count; a larger one, or a fraction, is a measure and sold as one unit. */
  readonly unitsUpTo: number;
  /** Values of `member` that mean no member, in addition to an empty one and NaN. */
  readonly noMember: readonly string[];
  readonly decimal: 'point' | 'comma';
  /** Of a text file, as TextDecoder names it; null: UTF-8. */
  readonly encoding: string | null;
}

/** Days that trade differently in the course of a day. */
export const DAY_KINDS = ['weekday', 'saturday', 'sunday'] as const;
export type DayKind = (typeof DAY_KINDS)[number];

/**
 * A recording, read: receipts in the order of their time, their lines one after another. Everything is in columns
 * of shared memory, so that every thread of a run reads the same bytes and none copies them.
 */
export interface Recording {
  /** SHA-256 of the file, in hex. */
  readonly sha256: string;
  /** Per receipt: ms since the first one. */
  readonly atMs: Float64Array;
  /** Per receipt: its store, by number of receipts (0 has the most). */
  readonly store: Int32Array;
  /** Per receipt: its member, in the order of their first receipts; -1: no member. */
  readonly member: Int32Array;
  /** Per receipt: where its lines begin; one more entry than receipts. */
  readonly firstLine: Int32Array;
  /** Per line: the product, by number of lines (0 has the most). */
  readonly product: Int32Array;
  /** Per line: units; negative when brought back. */
  readonly quantity: Int32Array;
  /** Per line: after the discount. */
  readonly amountCents: Int32Array;
  readonly discountCents: Int32Array;
  /** Per product: median price of a unit, before discounts; never negative. */
  readonly priceCents: Int32Array;
  readonly stores: number;
  readonly members: number;
  /** Lines whose quantity was a measure. */
  readonly measures: number;
  /** Lines brought back with a positive amount, which was turned round. */
  readonly turned: number;
  /** Time of the first and the last receipt in the shops, `YYYY-MM-DDTHH:MM:SS`. */
  readonly from: string;
  readonly to: string;
  /** Receipts by kind of day and hour in the shops. */
  readonly hours: Readonly<Record<DayKind, readonly number[]>>;
}

/** A recording that stands in for generated receipts. */
export interface TapeUse {
  /** As written: a path from the scenario's own folder, or `dataset:NAME/FILE`. */
  readonly file: string;
  readonly map: TapeMap;
  /** What was read from it; null until then. No tape can be made before. */
  readonly recording: Recording | null;
}
