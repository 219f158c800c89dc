import { type Clock, every } from '../../core/clock.ts';
import { DoorbusterError } from '../../core/errors.ts';
import { encode } from '../../generators/encode.ts';
import { preloadOf, tapeOf } from '../../generators/tape.ts';
import type { FromShard, ShardData, ShardRequest, ThrownError, ToShard } from './messages.ts';
import { ProducerWorker, type Tape } from './producer-worker.ts';

/** How often the main thread hears how the load is getting on, ms. */
const PROGRESS_EVERY_MS = 500;

function thrown(error: unknown): ThrownError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const ours = error instanceof DoorbusterError ? error : undefined;
  return { message, stack, exitCode: ours?.exitCode, hint: ours?.hint };
}

/** The thread's side of the conversation: one answer per request, and a word when it fails by itself. */
export function serve(
  port: {
    on(event: 'message', hear: (request: ToShard) => void): unknown;
    postMessage(message: FromShard): void;
  },
  data: ShardData,
  clock: Clock,
): void {
  const tell = (message: FromShard) => port.postMessage(message);
  const tape: Tape = {
    preload: (stores) => preloadOf(data.scenario, stores),
    live: (stores) => tapeOf(data.scenario, stores),
    encode,
  };
  let shard: ProducerWorker | undefined;
  let stopReporting = () => {};
  const opened = () => {
    if (shard === undefined) throw new Error('the producing thread has not been opened');
    return shard;
  };
  const failed = (error: unknown) => tell({ kind: 'failed', error: thrown(error) });

  const answer = async (request: ShardRequest): Promise<unknown> => {
    switch (request.kind) {
      case 'open':
        shard = await ProducerWorker.open(data, tape, clock, (line) =>
          tell({ kind: 'warning', line }),
        );
        return null;
      case 'preload':
        await opened().preload(request.t0Ms);
        return null;
      case 'begin':
        opened().begin(request.t0Ms, failed);
        stopReporting = every(clock, PROGRESS_EVERY_MS, () =>
          tell({ kind: 'progress', progress: opened().progress() }),
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
        return shard === undefined ? null : shard.abort();
    }
  };
  port.on('message', (request: ToShard) => {
    answer(request).then(
      (value) => tell({ kind: 'answer', id: request.id, value }),
      (error) => tell({ kind: 'refused', id: request.id, error: thrown(error) }),
    );
  });
}
