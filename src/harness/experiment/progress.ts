import type { LoadProgress } from '../load/load-progress.ts';
import type { TableProgress } from '../probes/census.ts';
import type { ServerName } from '../stack/stack.ts';

/** What a run says while it goes on: plain data, for whoever draws it. */
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
  | { readonly kind: 'tick'; readonly tick: Tick };

/** The state of affairs, twice a second. */
export interface Tick {
  readonly phase: string | null;
  /** Since the run was started, and what is left of it by the plan, ms. */
  readonly elapsedMs: number;
  readonly remainingMs: number;
  readonly load: LoadProgress | null;
  /** Messages per second that the tape intends now, all streams, copies included; null outside the load. */
  readonly targetPerSecond: number | null;
  readonly tables: Readonly<Record<string, TableProgress>>;
  /** The one that shows the stock. */
  readonly stock: string | null;
  readonly lastQuery: {
    readonly name: string;
    readonly ms: number;
    readonly outcome: string;
  } | null;
}
