import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';
import { DoorbusterError } from '../../core/errors.ts';
import { entryFile } from '../entry.ts';
import type { LoadProgress } from './load-progress.ts';
import type {
  FromWorker,
  ThrownError,
  ToWorker,
  WorkerAnswers,
  WorkerOptions,
  WorkerRequest,
  WorkerResult,
} from './messages.ts';

/** Longest wait for an aborted thread to write its last counts, ms. */
const ABORT_WITHIN_MS = 5_000;

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface ThreadListener {
  /** The thread or its load ended unexpectedly. */
  failed(error: Error): void;
  warning(line: string): void;
}

/** The main thread's side of the message channel to a producing thread. */
export interface ThreadPort {
  on(event: 'message', listener: (message: FromWorker) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  postMessage(message: ToWorker): void;
  terminate(): Promise<unknown>;
}

type OpenThread = (data: WorkerOptions) => ThreadPort;

/** Starts a worker thread, so that its work does not delay other event loops. */
export const workerThreadPort: OpenThread = (data) =>
  new Worker(entryFile('harness/load/worker'), { workerData: data });

/** The main thread's handle on one producing thread. */
export class ProducingThread {
  readonly #port: ThreadPort;
  readonly #pending = new Map<number, Pending>();
  /** Number of the thread among those of all shards. */
  readonly number: number;
  #requests = 0;
  #ending = false;
  progress: LoadProgress | undefined;

  constructor(data: WorkerOptions, listener: ThreadListener, open: OpenThread) {
    this.number = data.worker;
    this.#port = open(data);
    this.#port.on('message', (message) => this.#receive(message, listener));
    const ended = (cause: Error) => {
      for (const { reject } of this.#pending.values()) reject(cause);
      this.#pending.clear();
      if (!this.#ending) listener.failed(cause);
    };
    this.#port.on('error', (cause) => ended(cause));
    this.#port.on('exit', (code) =>
      ended(new Error(`producing thread ${this.number} ended unexpectedly with code ${code}`)),
    );
  }

  request<K extends WorkerRequest['kind']>(
    request: Extract<WorkerRequest, { kind: K }>,
  ): Promise<WorkerAnswers[K]> {
    const id = this.#requests++;
    return new Promise<WorkerAnswers[K]>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.postMessage({ ...request, id } satisfies ToWorker);
    });
  }

  /** Ends the thread normally, once its cut is reached. */
  async finish(): Promise<WorkerResult> {
    this.#ending = true;
    const result = await this.request<'finish'>({ kind: 'finish' });
    await this.#port.terminate();
    return result;
  }

  /** Ends the thread at once; null if it did not write its last counts in time. */
  async abort(clock: Clock): Promise<WorkerResult | null> {
    this.#ending = true;
    const bound = new AbortController();
    const gaveUp = clock.sleep(ABORT_WITHIN_MS, bound.signal).then(
      () => null,
      () => null,
    );
    const answered = this.request<'abort'>({ kind: 'abort' }).catch(() => null);
    const result = await Promise.race([answered, gaveUp]);
    bound.abort();
    await this.#port.terminate();
    return result;
  }

  #receive(message: FromWorker, listener: ThreadListener): void {
    switch (message.kind) {
      case 'answer':
        this.#settle(message.id)?.resolve(message.value as never);
        break;
      case 'refused':
        this.#settle(message.id)?.reject(errorFrom(message.error));
        break;
      case 'failed':
        if (!this.#ending) listener.failed(errorFrom(message.error));
        break;
      case 'progress':
        this.progress = message.progress;
        break;
      case 'warning':
        listener.warning(message.line);
        break;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}

function errorFrom({ message, stack, exitCode, hint }: ThrownError): Error {
  const error =
    exitCode === undefined
      ? new Error(message)
      : new DoorbusterError(message, { exitCode, ...(hint === undefined ? {} : { hint }) });
  if (stack !== undefined) error.stack = stack;
  return error;
}
