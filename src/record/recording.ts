import { z } from 'zod';

const count = z.int().nonnegative();

/** The recorded receipts that were replayed in place of generated ones. */
export const recording = z.strictObject({
  /** As in the scenario. */
  file: z.string(),
  sha256: z.string(),
  receipts: count,
  lines: count,
  stores: count,
  products: count,
  /** Lines with a fractional quantity, replayed as one unit. */
  measures: count,
  /** Returned lines with a positive amount, replayed with a negative one; null: not counted (version 1). */
  turned: count.nullable(),
  /** Local times of its first and last receipt. */
  from: z.string(),
  to: z.string(),
  /** Replayed receipts, null until the end; more than the recording has if it was repeated. */
  replayed: count.nullable(),
});
