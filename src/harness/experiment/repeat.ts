import { random } from '../../core/random.ts';
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

/** One trial of a comparison, before it runs. */
interface ComparedTrial extends PlannedTrial {
  /** Index of its design. */
  readonly design: number;
}

/**
 * The trials of a comparison: each design once per round, in an order of its own that the seed determines, so that no
 * design always runs after the same one or in the best hour. All trials of a round have the same seed.
 */
export function planComparison(
  designs: number,
  repeat: number,
  seed: number,
): readonly ComparedTrial[] {
  const order = random(seed, 'order of designs');
  const all = Array.from({ length: designs }, (_, design) => design);
  return Array.from({ length: repeat }, (_, round) =>
    order.shuffled(all).map((design) => ({ number: round + 1, seed: seed + round, design })),
  ).flat();
}

/**
 * The designs to warm up a stack with, by their index: together they use every server that a trial will use, the one with
 * the most servers first. A server's first trial is on a cold JVM, whichever design it is of.
 */
export function warmUpsFor(servers: readonly (readonly string[])[]): readonly number[] {
  const warm = new Set<string>();
  const bySize = servers
    .map((used, design) => ({ used, design }))
    .toSorted((a, b) => b.used.length - a.used.length);
  return bySize.flatMap(({ used, design }, i) => {
    const isCold = i === 0 || used.some((server) => !warm.has(server));
    for (const server of used) warm.add(server);
    return isCold ? [design] : [];
  });
}

/** The trials of a comparison after one warm-up of each of these designs, with the seed of the first round. */
export function afterWarmUps(
  designs: readonly number[],
  trials: readonly ComparedTrial[],
): readonly ComparedTrial[] {
  const seed = trials[0]?.seed ?? 0;
  return [...designs.map((design) => ({ number: 0, seed, design })), ...trials];
}

/**
 * Runs trials one after the other on the stack of one lab, and yields each result. Stops after a trial that did
 * not complete: it was interrupted, or its stack may be broken.
 */
export async function* repeatTrials<P extends PlannedTrial>(
  lab: { run(trial: Trial): Promise<TrialResult> },
  plan: readonly P[],
  trialOf: (planned: P) => Promise<Trial>,
): AsyncGenerator<P & TrialResult> {
  for (const planned of plan) {
    const result = await lab.run(await trialOf(planned));
    yield { ...planned, ...result };
    if (result.record.outcome !== 'completed') return;
  }
}
