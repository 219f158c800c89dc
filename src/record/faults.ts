import { z } from 'zod';
import { SERVERS } from '../core/metrics.ts';
import { FAULT_ACTS } from '../scenario/scenario.ts';
import { datasetName, measured } from './metric.ts';

const recovered = {
  /** From the time the server was back to the last moment with age above the target; absent if it never was back. */
  recoveryMs: measured.optional(),
  /** From the start of the fault to that moment. */
  staleForMs: measured.optional(),
  /** Integral of age − target from the start to that moment, or to the end of the watch, s·s. */
  areaAboveTarget: z.number().optional(),
};

/** A server fault that the scenario declared. */
export const fault = z.strictObject({
  act: z.enum(FAULT_ACTS),
  server: z.enum(SERVERS),
  during: z.string(),
  /** Intended start, and actual start of the outage. */
  intendedMs: z.number(),
  startMs: z.number(),
  /** When the server was paused or had ended; null: the run ended before. */
  awayMs: z.number().nullable(),
  /** When the server was ready again; null: the run ended before. */
  backMs: z.number().nullable(),
  targetMs: z.number(),
  /** End of the watch over age: the next fault, or the end of the last phase. */
  watchedToMs: z.number(),
  /** Whether age was above the target when the fault began: then it is not the only cause. */
  aboveBefore: z.boolean(),
  ...recovered,
  streams: z.array(z.strictObject({ stream: datasetName, ageMaxMs: z.number(), ...recovered })),
});
