import { Worker } from 'node:worker_threads';
import type { Clock } from '../../core/clock.ts';
import { DoorbusterError } from '../../core/errors.ts';
import { entryFile } from '../entry.ts';
import type { LoadProgress } from './load-progress.ts';
import type {
  FromShard,
  ShardAnswers,
  ShardData,
  ShardRequest,
  ShardResult,
  ThrownError,
  ToShard,
} from './messages.ts';

/** Longest wait for a thread to write down what it knows when it is told to stop at once, ms. */
const ABORT_WITHIN_MS = 5_000;

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface ThreadListener {
  /** The thread ended by itself, or its load did. */
  failed(error: Error): void;
  warning(line: string): void;
}

/** The main thread's end of the conversation with a producing thread. */
export interface ThreadPort {
  on(event: 'message', hear: (message: FromShard) => void): unknown;
  on(event: 'error', hear: (error: Error) => void): unknown;
  on(event: 'exit', hear: (code: number) => void): unknown;
  postMessage(message: ToShard): void;
  terminate(): Promise<unknown>;
}

type OpenThread = (data: ShardData) => ThreadPort;

/** A thread of its own: what it does shows in no other's event loop. */
export const workerThread: OpenThread = (data) =>
  new Worker(entryFile('harness/load/worker'), { workerData: data });

/** The main thread's handle on one producing thread. */
export class ProducingThread {
  readonly #port: ThreadPort;
  readonly #pending = new Map<number, Pending>();
  /** Which of the threads of the load it is, over all shards. */
  readonly number: number;
  #requests = 0;
  #ending = false;
  progress: LoadProgress | undefined;

  constructor(data: ShardData, listener: ThreadListener, open: OpenThread) {
    this.number = data.worker;
    this.#port = open(data);
    this.#port.on('message', (message) => this.#hear(message, listener));
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

  ask<K extends ShardRequest['kind']>(
    request: Extract<ShardRequest, { kind: K }>,
  ): Promise<ShardAnswers[K]> {
    const id = this.#requests++;
    return new Promise<ShardAnswers[K]>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.postMessage({ ...request, id } satisfies ToShard);
    });
  }

  /** Ends the thread in good order, once its cut is reached. */
  async finish(): Promise<ShardResult> {
    this.#ending = true;
    const result = await this.ask<'finish'>({ kind: 'finish' });
    await this.#port.terminate();
    return result;
  }

  /** Ends the thread at once; null when it could not even write down what it knew. */
  async abort(clock: Clock): Promise<ShardResult | null> {
    this.#ending = true;
    const bound = new AbortController();
    const gaveUp = clock.sleep(ABORT_WITHIN_MS, bound.signal).then(
      () => null,
      () => null,
    );
    const answered = this.ask<'abort'>({ kind: 'abort' }).catch(() => null);
    const result = await Promise.race([answered, gaveUp]);
    bound.abort();
    await this.#port.terminate();
    return result;
  }

  #hear(message: FromShard, listener: ThreadListener): void {
    switch (message.kind) {
      case 'answer':
        this.#settle(message.id)?.resolve(message.value as never);
        break;
      case 'refused':
        this.#settle(message.id)?.reject(revived(message.error));
        break;
      case 'failed':
        if (!this.#ending) listener.failed(revived(message.error));
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

function revived({ message, stack, exitCode, hint }: ThrownError): Error {
  const error =
    exitCode === undefined
      ? new Error(message)
      : new DoorbusterError(message, { exitCode, ...(hint === undefined ? {} : { hint }) });
  if (stack !== undefined) error.stack = stack;
  return error;
}
