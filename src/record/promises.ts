import { z } from 'zod';

const count = z.int().nonnegative();

/** Fates of lines or orders: promised + refused is their total. */
const tally = z.strictObject({
  promised: count,
  /** Promised and not available, because the view was stale, or because the books were wrong. */
  stale: count,
  phantom: count,
  refused: count,
  /** Refused although available, because the view was stale, or because the books were wrong. */
  missedStale: count,
  missedPhantom: count,
  /** Broken promises per 10,000 made, and the 95 % interval by resampling rows; absent if none was made. */
  broken: z.strictObject({ per10k: z.number(), low: z.number(), high: z.number() }).optional(),
});

/** Pickup orders replayed against what the stock table showed. One entry per measured timed phase. */
export const promises = z.strictObject({
  /** Assumed cost of a broken promise, USD. */
  usdEach: z.number().nonnegative(),
  phases: z.array(
    z.strictObject({
      phase: z.string(),
      line: tally,
      order: tally,
      /** Rows (store and SKU) behind the broken lines: lines of one row fail together, so this is the sample size. */
      staleRows: count,
      phantomRows: count,
      /** Analytical cross-check of the stale lines. */
      check: z.strictObject({
        /** Mean staleness of the stock in this phase, ms; null: something was never visible. Absent: no change. */
        lagMs: z.number().nullable().optional(),
        /** Median time until a shelf with promises would sell out, ms; null: never. */
        sellOutMs: z.number().nullable().optional(),
        /** Share of promised lines whose shelf would sell out within the phase, 0..1. Absent like the next where nothing was promised; 0 in older records. */
        withinPhase: z.number().optional(),
        /** Stale lines per 10,000: counted, by the sell-down formula, by Poisson on what was shown. */
        counted: z.number().optional(),
        sellDown: z.number().optional(),
        lowStock: z.number().optional(),
        /** Reason why the three are not comparable; null: they are. */
        doubt: z.string().nullable(),
      }),
    }),
  ),
});
