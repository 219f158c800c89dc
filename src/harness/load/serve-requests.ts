import { type Clock, every } from '../../core/clock.ts';
import { DoorbusterError } from '../../core/errors.ts';
import { encode } from '../../generators/encode.ts';
import { preloadOf, tapeOf } from '../../generators/tape.ts';
import type {
  FromWorker,
  ThrownError,
  ToWorker,
  WorkerOptions,
  WorkerRequest,
} from './messages.ts';
import { ProducerWorker, type Tape } from './producer-worker.ts';

/** Interval between progress messages to the main thread, ms. */
const PROGRESS_EVERY_MS = 500;

function plainError(error: unknown): ThrownError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const ours = error instanceof DoorbusterError ? error : undefined;
  return { message, stack, exitCode: ours?.exitCode, hint: ours?.hint };
}

/** The thread's side of the message channel: one answer per request, and a message if its load fails. */
export function serve(
  port: {
    on(event: 'message', listener: (request: ToWorker) => void): unknown;
    postMessage(message: FromWorker): void;
  },
  data: WorkerOptions,
  clock: Clock,
): void {
  const post = (message: FromWorker) => port.postMessage(message);
  const tape: Tape = {
    preload: (stores) => preloadOf(data.scenario, stores),
    live: (stores) => tapeOf(data.scenario, stores),
    encode,
  };
  let worker: ProducerWorker | undefined;
  let stopReporting = () => {};
  const opened = () => {
    if (worker === undefined) throw new Error('the producing thread has not been opened');
    return worker;
  };
  const failed = (error: unknown) => post({ kind: 'failed', error: plainError(error) });

  const answer = async (request: WorkerRequest): Promise<unknown> => {
    switch (request.kind) {
      case 'open':
        worker = await ProducerWorker.open(data, tape, clock, (line) =>
          post({ kind: 'warning', line }),
        );
        return null;
      case 'preload':
        await opened().preload(request.t0Ms);
        return null;
      case 'begin':
        opened().begin(request.t0Ms, failed);
        stopReporting = every(clock, PROGRESS_EVERY_MS, () =>
          post({ kind: 'progress', progress: opened().progress() }),
        );
        return null;
      case 'cut':
        return opened().cut(request.cutMs);
      case 'reach':
        await opened().reach(request.offsetMs);
        return null;
      case 'finish':
        stopReporting();
        return opened().finish();
      case 'abort':
        stopReporting();
        return worker === undefined ? null : worker.abort();
    }
  };
  port.on('message', (request: ToWorker) => {
    answer(request).then(
      (value) => post({ kind: 'answer', id: request.id, value }),
      (error) => post({ kind: 'refused', id: request.id, error: plainError(error) }),
    );
  });
}
