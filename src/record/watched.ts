import type { RecordedPhase, RunRecord } from './record.ts';

/** Duration of the run after t0, ms, where every time axis ends. */
export function elapsedMs(record: Pick<RunRecord, 'phases'>): number {
  return Math.max(0, ...record.phases.map(({ endMs }) => endMs));
}

/**
 * Least time for which every event of a phase was watched, ms: from the phase's end to the end of the last drain. A
 * change that was not visible by then took longer than this.
 */
export function watchedMs(
  record: Pick<RunRecord, 'phases' | 'drain'>,
  phase: RecordedPhase,
): number {
  return elapsedMs(record) + (record.drain?.tookMs ?? 0) - phase.endMs;
}
