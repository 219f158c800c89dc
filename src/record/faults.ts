import { z } from 'zod';
import { SERVERS } from '../core/metrics.ts';
import { FAULT_ACTS } from '../scenario/scenario.ts';
import { datasetName, measured } from './metric.ts';

const recovered = {
  /** From when the server was back to the last moment of an age above the target; absent if it never was back. */
  recoveryMs: measured.optional(),
  /** From the fault's beginning to that moment. */
  staleForMs: measured.optional(),
  /** Integral of age − target from the beginning to that moment, or to the end of the watch, s·s. */
  areaAboveTarget: z.number().optional(),
};

/** A server that went away because the scenario said so. */
export const fault = z.strictObject({
  act: z.enum(FAULT_ACTS),
  server: z.enum(SERVERS),
  during: z.string(),
  /** When it was meant to begin, and when the server was asked to go. */
  intendedMs: z.number(),
  startMs: z.number(),
  /** Frozen, or ended; null: the run ended before. */
  awayMs: z.number().nullable(),
  /** When it answered again as it did at first; null: the run ended before. */
  backMs: z.number().nullable(),
  targetMs: z.number(),
  /** Age was looked at until then: to the next fault, or the end of the last phase. */
  watchedToMs: z.number(),
  /** Age was above the target when the fault began: what follows is not the fault's alone. */
  aboveBefore: z.boolean(),
  ...recovered,
  streams: z.array(z.strictObject({ stream: datasetName, ageMaxMs: z.number(), ...recovered })),
});
