import { z } from 'zod';

const count = z.int().nonnegative();

/** What became of lines, or of orders: promised + refused is all that was asked for. */
const tally = z.strictObject({
  promised: count,
  /** Promised and not there, because the view was behind, or because the books were wrong. */
  stale: count,
  phantom: count,
  refused: count,
  /** Of those refused: it was there, but the view was behind, or the books were wrong. */
  missedStale: count,
  missedPhantom: count,
  /** broken promises per 10,000 made, and its 95 % interval, of rows drawn again; absent when none was made. */
  broken: z.strictObject({ per10k: z.number(), low: z.number(), high: z.number() }).optional(),
});

/** Pickup orders replayed against what the stock table showed. One entry per measured timed phase. */
export const promises = z.strictObject({
  /** What a broken promise costs, USD; an estimate, the same for everybody. */
  usdEach: z.number().nonnegative(),
  phases: z.array(
    z.strictObject({
      phase: z.string(),
      line: tally,
      order: tally,
      /** Rows (store and SKU) behind the broken lines: their number, not that of the lines, says how much was seen. */
      staleRows: count,
      phantomRows: count,
      /** What theory says of the stale lines, beside what was counted. */
      check: z.strictObject({
        /** Mean staleness of the stock in this phase, ms; null: something was never visible. Absent: no change. */
        lagMs: z.number().nullable().optional(),
        /** Median time in which a shelf that was promised from would sell out, ms; null: not at all. */
        sellOutMs: z.number().nullable().optional(),
        /** Share of promised lines whose shelf would sell out within the phase, 0..1. Absent like the next where nothing was promised; 0 in older records. */
        withinPhase: z.number().optional(),
        /** Stale lines per 10,000: counted, by the sell-down formula, by Poisson on what was shown. */
        counted: z.number().optional(),
        sellDown: z.number().optional(),
        lowStock: z.number().optional(),
        /** Why the three cannot be compared; null: they can. */
        doubt: z.string().nullable(),
      }),
    }),
  ),
});
