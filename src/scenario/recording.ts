/** Columns of a recorded file by their meaning, as in the map of a scenario. */
export interface TapeColumns {
  readonly receipt: string;
  /** Absent: all receipts are of one store. */
  readonly store?: string | undefined;
  readonly at: string;
  /** The time of day, if `at` is only the date. */
  readonly at_time?: string | undefined;
  readonly sku: string;
  readonly quantity: string;
  /** Amount of the line after discounts; either this or `price`. */
  readonly amount?: string | undefined;
  /** Price of one unit before discounts. */
  readonly price?: string | undefined;
  /** Discount; absent: none. */
  readonly discount?: string | undefined;
  /** Absent: members are drawn, as for generated receipts. */
  readonly member?: string | undefined;
}

/** Meaning of the columns of a recorded file, and how to read them. */
export interface TapeMap {
  readonly columns: TapeColumns;
  /** Format of `at`, in directives of strptime; null: ISO 8601. */
  readonly atFormat: string | null;
  /** The date of day 1, if `at` is the number of a day; null: it is a date. */
  readonly atDayOne: string | null;
  /** The shops' time zone, if `at` is UTC; null: `at` is the shops' local time. */
  readonly atZone: string | null;
  /** The largest quantity that is a count; a larger one, or a fraction, is a measure and counts as one unit. */
  readonly unitsUpTo: number;
  /** Values of `member` that mean no member, in addition to an empty one and NaN. */
  readonly noMember: readonly string[];
  readonly decimal: 'point' | 'comma';
  /** Encoding of a text file, by its name for TextDecoder; null: UTF-8. */
  readonly encoding: string | null;
}

/** Kinds of day with different hourly curves. */
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
  /** Per receipt: index of its first line; one more entry than receipts. */
  readonly firstLine: Int32Array;
  /** Per line: the product, by number of lines (0 has the most). */
  readonly product: Int32Array;
  /** Per line: units; negative for a return. */
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
  /** Returned lines with a positive amount, whose sign was inverted. */
  readonly turned: number;
  /** Local times of the first and the last receipt, `YYYY-MM-DDTHH:MM:SS`. */
  readonly from: string;
  readonly to: string;
  /** Receipts by kind of day and local hour. */
  readonly hours: Readonly<Record<DayKind, readonly number[]>>;
}

/** A recording that replaces generated receipts. */
export interface TapeUse {
  /** As in the scenario: a path relative to its folder, or `dataset:NAME/FILE`. */
  readonly file: string;
  readonly map: TapeMap;
  /** The recording; null until it is read. A tape needs it. */
  readonly recording: Recording | null;
}
