import { EventEmitter } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import type { FromWorker, ToWorker, WorkerOptions } from './messages.ts';
import type { ThreadPort } from './producing-thread.ts';
import { serve } from './serve-requests.ts';

/**
 * Runs a producer worker in the main thread, for a target in this process. The messages are the same
 * as between threads, and they are delivered asynchronously.
 */
export function mainThreadPort(data: WorkerOptions, clock: Clock): ThreadPort {
  const [mainSide, workerSide] = [new EventEmitter(), new EventEmitter()];
  const to = (emitter: EventEmitter) => (message: FromWorker | ToWorker) =>
    queueMicrotask(() => emitter.emit('message', message));
  serve(
    { on: (event, listener) => workerSide.on(event, listener), postMessage: to(mainSide) },
    data,
    clock,
  );
  return {
    on: (event: string, listener: (...args: never[]) => void) =>
      mainSide.on(event, listener as (...args: unknown[]) => void),
    postMessage: to(workerSide),
    terminate: async () => undefined,
  };
}
