import type { TrialResult } from './trial.ts';
import type { Trial } from './trial-context.ts';

/** Seeds of several trials: each one higher than the one before, or all the same. */
export const SEEDS = ['increment', 'same'] as const;
type Seeds = (typeof SEEDS)[number];

/** One of several trials, before it runs. */
interface PlannedTrial {
  /** Counted from 1; 0 is a warm-up, which is recorded and not counted. */
  readonly number: number;
  readonly seed: number;
}

/** The trials of a series, in their order. `seed` is the seed of trial 1 and of the warm-up. */
export function planTrials(
  trials: number,
  {
    seed,
    seeds,
    warmUp,
  }: { readonly seed: number; readonly seeds: Seeds; readonly warmUp: boolean },
): readonly PlannedTrial[] {
  const counted = Array.from({ length: trials }, (_, i) => ({
    number: i + 1,
    seed: seeds === 'same' ? seed : seed + i,
  }));
  return warmUp ? [{ number: 0, seed }, ...counted] : counted;
}

/**
 * Runs trials one after the other on the stack of one lab, and yields each result. Stops after a trial that did
 * not complete: it was interrupted, or its stack may be broken.
 */
export async function* repeatTrials(
  lab: { run(trial: Trial): Promise<TrialResult> },
  plan: readonly PlannedTrial[],
  trialOf: (planned: PlannedTrial) => Promise<Trial>,
): AsyncGenerator<PlannedTrial & TrialResult> {
  for (const planned of plan) {
    const result = await lab.run(await trialOf(planned));
    yield { ...planned, ...result };
    if (result.record.outcome !== 'completed') return;
  }
}
