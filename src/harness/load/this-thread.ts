import { EventEmitter } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import type { FromShard, ShardData, ToShard } from './messages.ts';
import type { ThreadPort } from './producing-thread.ts';
import { serve } from './serve.ts';

/**
 * A producing side in the main thread, for a target that is in this process: the conversation is the same, and every
 * message arrives after its sender has gone on.
 */
export function thisThread(data: ShardData, clock: Clock): ThreadPort {
  const [here, there] = [new EventEmitter(), new EventEmitter()];
  const to = (ear: EventEmitter) => (message: FromShard | ToShard) =>
    queueMicrotask(() => ear.emit('message', message));
  serve({ on: (event, hear) => there.on(event, hear), postMessage: to(here) }, data, clock);
  return {
    on: (event: string, hear: (...given: never[]) => void) =>
      here.on(event, hear as (...given: unknown[]) => void),
    postMessage: to(there),
    terminate: async () => undefined,
  };
}
