import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Clock } from '../../core/clock.ts';
import { DoorbusterError, stackBroke } from '../../core/errors.ts';
import type { Scenario, Stream } from '../../scenario/scenario.ts';
import type { RunNamespace } from '../run-namespace.ts';
import { type FactFileRef, unclosedFiles } from './fact-file.ts';
import { joinProgress, type LoadProgress } from './load-progress.ts';
import { mainThreadPort } from './main-thread-port.ts';
import { MarkedSender, type Marker, type SentMark } from './marked-sender.ts';
import type { WorkerResult } from './messages.ts';
import { ProducingThread, workerThreadPort } from './producing-thread.ts';
import { type Counts, sumCounts } from './tally.ts';
import type { TargetAddress } from './targets/target.ts';
import { targetOf } from './targets/targets.ts';

/** One machine of a distributed load: shard `index` of `of`, counted from 0. Shard 0 leads. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

export interface LoadOptions {
  readonly scenario: Scenario;
  readonly target: TargetAddress;
  readonly place: RunNamespace;
  /** Producing threads; by default one less than the machine has cores, and no more than stores. */
  readonly workers?: number;
  /** The part of the load that this machine produces; all of it by default. Every shard has the same number of threads. */
  readonly share?: Share;
  /** Offset of this machine's clock, ms: all stamps are in the broker's time. */
  readonly clockOffsetMs?: number;
  /** An existing folder for the files of facts. */
  readonly dir: string;
  readonly runId: string;
  readonly clock: Clock;
  /** Stops everything at once; the facts keep what was written until then. */
  readonly signal: AbortSignal;
  /** Receives retries and lost connections, in the words of the Kafka client. */
  readonly onWarning?: (line: string) => void;
}

/** Result of a load. */
export interface LoadResult {
  /** Per stream, opening stock included, markers and canaries not. */
  readonly totals: Readonly<Record<Stream, Counts>>;
  readonly scheduled: number;
  readonly handedOver: number;
  readonly acknowledged: number;
  readonly workers: number;
  /** CSV files for `ingestFacts`. */
  readonly files: readonly FactFileRef[];
  /** Threads that did not write their last counts when they were stopped. */
  readonly threadsLost: number;
}

/** The load of one run. Its owner ends it: finish(), abort(), or `await using`. */
export interface Load extends AsyncDisposable {
  readonly workers: number;
  /** Sends the opening stock as fast as the target accepts it; resolves when all of it is acknowledged. */
  preload(): Promise<void>;
  /** Starts the open loop; t0 lies HEAD_START_MS ahead, so that the tape is read before it is due. */
  begin(t0Ms: number): Promise<void>;
  /**
   * Sends everything due before this offset from t0 and nothing due at or after it. Resolves when all
   * of that is acknowledged, with the effective cut: it is later than requested if messages beyond it
   * had already been sent.
   */
  stopAt(offsetMs: number): Promise<number>;
  /** Resolves when everything due before this offset is acknowledged and in the files of facts. The load goes on. */
  reached(offsetMs: number): Promise<void>;
  /**
   * Waits until everything due by now is acknowledged, then sends a good and a damaged marker to
   * every partition of every topic in use. `round` counts from 0 and must differ per call.
   */
  markers(round: number): Promise<readonly Marker[]>;
  /** Sends one canary whose intended send time is `dueMs` (epoch). */
  canary(dueMs: number): Promise<SentMark>;
  readonly progress: LoadProgress;
  /** Aborts with the cause as soon as a producing thread fails. */
  readonly broken: AbortSignal;
  /** Ends the load normally, after stopAt. */
  finish(): Promise<LoadResult>;
  /** Ends the load at once. Messages in flight are in the facts without an acknowledgement. */
  abort(): Promise<LoadResult>;
}

/** Time from begin() to t0: the tape is read and encoded ahead of its first event. */
export const HEAD_START_MS = 1_500;

/** One core less than the machine has: the servers under test need the rest. */
function defaultWorkers(cores: number, stores: number): number {
  return Math.max(1, Math.min(cores - 1, stores));
}

const WHOLE_LOAD: Share = { index: 0, of: 1 };

/** Connects the producers, one thread each. Rejects with a DoorbusterError when Kafka is not there. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { scenario, target, place, dir, runId, clock, signal } = options;
  signal.throwIfAborted();
  const onWarning = options.onWarning ?? (() => undefined);
  const workers = targetOf(target).threads
    ? (options.workers ?? defaultWorkers(availableParallelism(), scenario.retail.stores))
    : 1;
  const marked = await MarkedSender.open({
    scenario,
    place,
    target,
    runId,
    dir,
    clock,
    signal,
    onWarning,
  });
  const load = new RunningLoad(options, workers, marked, onWarning);
  try {
    await load.open();
    return load;
  } catch (error) {
    await load.abort();
    throw error;
  }
}

class RunningLoad implements Load {
  readonly workers: number;
  readonly #options: LoadOptions;
  readonly #marked: MarkedSender;
  readonly #threads: readonly ProducingThread[];
  readonly #broken = new AbortController();
  readonly #onAbort = () => void this.abort();
  #t0Ms: number | undefined;
  #ended: Promise<LoadResult> | undefined;

  constructor(
    options: LoadOptions,
    workers: number,
    marked: MarkedSender,
    warning: (line: string) => void,
  ) {
    const { scenario, target, place, dir, signal, share = WHOLE_LOAD, clockOffsetMs = 0 } = options;
    this.#options = options;
    this.workers = workers;
    this.#marked = marked;
    const failed = (error: Error) => this.#broken.abort(asStackError(error));
    this.#threads = Array.from(
      { length: workers },
      (_, worker) =>
        new ProducingThread(
          {
            ...{ scenario, place, target, dir, clockOffsetMs },
            // Stores are distributed over the threads of all shards.
            ...{ worker: worker * share.of + share.index, workers: workers * share.of },
          },
          { failed, warning },
          targetOf(target).threads
            ? workerThreadPort
            : (data) => mainThreadPort(data, options.clock),
        ),
    );
    signal.addEventListener('abort', this.#onAbort, { once: true });
    // With a slow broker many canaries wait at once: that many listeners are no leak.
    setMaxListeners(0, this.#broken.signal);
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  async open(): Promise<void> {
    await this.#all((thread) => thread.request<'open'>({ kind: 'open' }));
  }

  async preload(): Promise<void> {
    const t0Ms = this.#options.clock.nowMs();
    await this.#all((thread) => thread.request<'preload'>({ kind: 'preload', t0Ms }));
  }

  async begin(t0Ms: number): Promise<void> {
    this.#t0Ms = t0Ms;
    await this.#all((thread) => thread.request<'begin'>({ kind: 'begin', t0Ms }));
  }

  async stopAt(offsetMs: number): Promise<number> {
    let cutMs = offsetMs;
    // A thread that has already sent beyond the cut moves it for all threads; repeat until all agree.
    while (true) {
      const kept = await this.#all((thread) => thread.request<'cut'>({ kind: 'cut', cutMs }));
      const latest = Math.max(...kept);
      if (latest === cutMs) break;
      cutMs = latest;
    }
    await this.reached(cutMs);
    return cutMs;
  }

  async reached(offsetMs: number): Promise<void> {
    await this.#all((thread) => thread.request<'reach'>({ kind: 'reach', offsetMs }));
  }

  async markers(round: number): Promise<readonly Marker[]> {
    if (this.#t0Ms !== undefined) await this.reached(this.#options.clock.nowMs() - this.#t0Ms);
    return this.#unlessBroken(this.#marked.markers(round));
  }

  canary(dueMs: number): Promise<SentMark> {
    return this.#unlessBroken(this.#marked.canary(dueMs));
  }

  get progress(): LoadProgress {
    const parts = this.#threads.flatMap(({ progress }) => (progress ? [progress] : []));
    return joinProgress(parts);
  }

  finish(): Promise<LoadResult> {
    this.#ended ??= this.#end(
      (thread) => thread.finish(),
      () => this.#marked.close(),
    );
    return this.#ended;
  }

  abort(): Promise<LoadResult> {
    this.#ended ??= this.#end(
      (thread) => thread.abort(this.#options.clock),
      () => this.#marked.abort(),
    );
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  async #end(
    ask: (thread: ProducingThread) => Promise<WorkerResult | null>,
    closeMarked: () => Promise<FactFileRef>,
  ): Promise<LoadResult> {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    const results = await Promise.all(this.#threads.map(ask));
    const known = results.filter((result) => result !== null);
    const markedFile = await closeMarked();
    const totals = sumCounts(known.map((result) => result.totals));
    const sum = (step: keyof Counts) =>
      Object.values(totals).reduce((total, counts) => total + counts[step], 0);
    return {
      totals,
      scheduled: sum('scheduled'),
      handedOver: sum('handedOver'),
      acknowledged: sum('acknowledged'),
      workers: this.workers,
      // Of a lost thread: the files that reached the disk.
      files: [
        ...results.flatMap(
          (result, i) =>
            result?.files ??
            unclosedFiles(this.#options.dir, (this.#threads[i] as ProducingThread).number),
        ),
        markedFile,
      ],
      threadsLost: results.length - known.length,
    };
  }

  #all<T>(ask: (thread: ProducingThread) => Promise<T>): Promise<T[]> {
    return this.#unlessBroken(Promise.all(this.#threads.map(ask)));
  }

  /** Rejects on failure or abort as well, because a failed thread never answers. */
  #unlessBroken<T>(work: Promise<T>): Promise<T> {
    const stops = [this.broken, this.#options.signal];
    return new Promise<T>((resolve, reject) => {
      const onStop = () => reject(stops.find((stop) => stop.aborted)?.reason);
      const settled = () => {
        for (const stop of stops) stop.removeEventListener('abort', onStop);
      };
      for (const stop of stops) stop.addEventListener('abort', onStop, { once: true });
      if (stops.some((stop) => stop.aborted)) onStop();
      work.then(resolve, reject).finally(settled);
    });
  }
}

function asStackError(error: Error): DoorbusterError {
  if (error instanceof DoorbusterError) return error;
  return stackBroke(`the load failed: ${error.message}`, undefined, error);
}
