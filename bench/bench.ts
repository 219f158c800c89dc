import type { Clock } from '../src/core/clock.ts';
import type { Artifacts } from '../src/harness/setup/artifacts.ts';

/** What a bench may use. */
export interface BenchContext {
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A folder of its own, removed afterwards. */
  readonly dir: string;
  /** Reports the current step. */
  readonly say: (line: string) => void;
}

/** One line of a result: what was measured, and its numbers by name of column. */
export interface BenchRow {
  readonly what: string;
  readonly values: Readonly<Record<string, number | null>>;
}

/** Things measured side by side in one run: only their ratios mean anything beyond this machine. */
export interface BenchResult {
  readonly title: string;
  readonly rows: readonly BenchRow[];
  readonly ratios: readonly { readonly name: string; readonly ratio: number }[];
  readonly notes: readonly string[];
}

/** One thing that is measured, by its name on the command line. */
export interface Bench {
  readonly name: string;
  readonly about: string;
  run(context: BenchContext): Promise<BenchResult>;
}
