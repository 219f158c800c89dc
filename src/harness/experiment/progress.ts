import type { LoadProgress } from '../load/load-progress.ts';
import type { BacklogSoFar } from '../measure/so-far.ts';
import type { TableProgress } from '../probes/census.ts';
import type { ServerName } from '../stack/stack.ts';

/** Progress events of a run, as plain data for a display. */
export type RunEvent =
  | {
      readonly kind: 'plan';
      readonly folder: string;
      readonly timedMs: number;
      readonly line: string;
    }
  | {
      readonly kind: 'server';
      readonly server: ServerName;
      readonly state: 'starting' | 'ready' | 'stopped';
      readonly ms: number;
    }
  /** A step before or after the phases: deploying, preloading, draining, judging. */
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'phase-begin'; readonly phase: string }
  | { readonly kind: 'phase-end'; readonly phase: string; readonly line: string }
  | { readonly kind: 'warning'; readonly text: string }
  /** With `reportSoFar` or `abortOnFail`, while the load runs: what is certain of the checks, and what waits to be visible. */
  | {
      readonly kind: 'so-far';
      readonly checks: readonly string[];
      /** Those that cannot pass any more. */
      readonly failed: readonly string[];
      readonly backlog: readonly BacklogSoFar[];
    }
  | { readonly kind: 'tick'; readonly tick: ProgressTick };

/** Progress of a run, reported twice a second. */
export interface ProgressTick {
  readonly phase: string | null;
  /** Time since the start of the run, and estimated time left, ms. */
  readonly elapsedMs: number;
  readonly remainingMs: number;
  /** Number of events so far that make the run INVALID. */
  readonly incidents: number;
  readonly load: LoadProgress | null;
  /** Current intended messages per second of all streams, copies included; null outside the load. */
  readonly targetPerSecond: number | null;
  readonly tables: Readonly<Record<string, TableProgress>>;
  /** Name of the table that shows the stock. */
  readonly stock: string | null;
  readonly lastQuery: {
    readonly name: string;
    readonly ms: number;
    readonly outcome: string;
  } | null;
}
