import type { ExitCode } from '../../core/exit-codes.ts';
import type { Scenario, Stream } from '../../scenario/scenario.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { FactFileRef } from './fact-file.ts';
import type { LoadProgress } from './load-progress.ts';
import type { Counts } from './tally.ts';
import type { TargetAddress } from './targets/target.ts';

/** Options of a producing thread. They can be cloned into another thread. */
export interface WorkerOptions {
  readonly scenario: Scenario;
  readonly place: RunNamespace;
  readonly target: TargetAddress;
  /** This thread and how many there are: it owns the stores whose number mod `workers` is `worker`. */
  readonly worker: number;
  readonly workers: number;
  /** Offset of the machine's clock, ms. */
  readonly clockOffsetMs: number;
  /** Folder for its files of facts. */
  readonly dir: string;
}

/** A request of the main thread to a producing thread. Each gets one answer. */
export type WorkerRequest =
  | { readonly kind: 'open' }
  | { readonly kind: 'preload'; readonly t0Ms: number }
  | { readonly kind: 'begin'; readonly t0Ms: number }
  | { readonly kind: 'cut'; readonly cutMs: number }
  | { readonly kind: 'reach'; readonly offsetMs: number }
  | { readonly kind: 'finish' }
  | { readonly kind: 'abort' };

/** The answer of a producing thread to each kind of request. */
export interface WorkerAnswers {
  readonly open: null;
  readonly preload: null;
  readonly begin: null;
  /** The effective cut. */
  readonly cut: number;
  readonly reach: null;
  readonly finish: WorkerResult;
  /** null: the thread had not been opened. */
  readonly abort: WorkerResult | null;
}

/** Counts of a producing thread, and the files that it wrote. */
export interface WorkerResult {
  readonly totals: Readonly<Record<Stream, Counts>>;
  readonly files: readonly FactFileRef[];
}

/** An error as plain data: a message between threads loses the class. */
export interface ThrownError {
  readonly message: string;
  readonly stack: string | undefined;
  /** Set for a DoorbusterError. */
  readonly exitCode: ExitCode | undefined;
  readonly hint: string | undefined;
}

export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly error: ThrownError }
  | { readonly kind: 'failed'; readonly error: ThrownError }
  | { readonly kind: 'progress'; readonly progress: LoadProgress }
  | { readonly kind: 'warning'; readonly line: string };

export type ToWorker = WorkerRequest & { readonly id: number };
