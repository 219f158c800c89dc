import type { ExitCode } from '../../core/exit-codes.ts';
import type { Scenario, Stream } from '../../scenario/scenario.ts';
import type { Place } from '../pipelines/place.ts';
import type { FactFileRef } from './fact-file.ts';
import type { LoadProgress } from './load-progress.ts';
import type { Counts } from './tally.ts';
import type { TargetAddress } from './targets/target.ts';

/** What a producing thread is started with. */
export interface ShardData {
  readonly scenario: Scenario;
  readonly place: Place;
  readonly target: TargetAddress;
  /** This thread and how many there are: it owns the stores whose number mod `workers` is `worker`. */
  readonly worker: number;
  readonly workers: number;
  /** What the machine's clock is off by, ms. */
  readonly clockOffsetMs: number;
  /** Folder for its files of facts. */
  readonly dir: string;
}

/** What the main thread asks of a producing thread. Each gets one answer. */
export type ShardRequest =
  | { readonly kind: 'open' }
  | { readonly kind: 'preload'; readonly t0Ms: number }
  | { readonly kind: 'begin'; readonly t0Ms: number }
  | { readonly kind: 'cut'; readonly cutMs: number }
  | { readonly kind: 'reach'; readonly offsetMs: number }
  | { readonly kind: 'finish' }
  | { readonly kind: 'abort' };

/** What a producing thread answers to each request. */
export interface ShardAnswers {
  readonly open: null;
  readonly preload: null;
  readonly begin: null;
  /** The cut that is kept. */
  readonly cut: number;
  readonly reach: null;
  readonly finish: ShardResult;
  /** null: it had not been opened, and knows nothing. */
  readonly abort: ShardResult | null;
}

/** What a producing thread did, and where it wrote it down. */
export interface ShardResult {
  readonly totals: Readonly<Record<Stream, Counts>>;
  readonly files: readonly FactFileRef[];
}

/** An error on its way between threads, where classes get lost. */
export interface ThrownError {
  readonly message: string;
  readonly stack: string | undefined;
  /** Set for a DoorbusterError. */
  readonly exitCode: ExitCode | undefined;
  readonly hint: string | undefined;
}

export type FromShard =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly error: ThrownError }
  | { readonly kind: 'failed'; readonly error: ThrownError }
  | { readonly kind: 'progress'; readonly progress: LoadProgress }
  | { readonly kind: 'warning'; readonly line: string };

export type ToShard = ShardRequest & { readonly id: number };
