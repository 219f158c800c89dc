import { systemClock as clock } from '../../core/clock.ts';
import { takeServerPriority } from '../priority.ts';
import { reasonOf } from '../reason.ts';
import type { ChildReport } from './child-process.ts';
import { Loader, type LoaderConfig } from './loader.ts';

/** The process of a loader: it loads on a schedule until it is drained, and ends at its first error. */

/** Messages to the process. */
export type ToLoader =
  | { readonly kind: 'start'; readonly config: LoaderConfig }
  | { readonly kind: 'drain' };

// It belongs to the system under test: it takes the servers' priority before it starts a thread.
takeServerPriority();

const draining = new AbortController();

process.on('message', (message: ToLoader) => {
  if (message.kind === 'drain') draining.abort();
  else run(message.config).catch(fail);
});

// The parent is gone, and a running load would keep this process alive.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

async function run(config: LoaderConfig): Promise<void> {
  await loadUntilDrained(config);
  // Now it has left its consumer group, and may be ended.
  send({ kind: 'drained' });
}

async function loadUntilDrained(config: LoaderConfig): Promise<void> {
  await using loader = await Loader.open(config, clock, fail);
  send({ kind: 'ready' });
  let dueMs = clock.nowMs() + config.everyMs;
  while (!draining.signal.aborted) {
    await clock.sleep(Math.max(0, dueMs - clock.nowMs()), draining.signal).catch(() => {});
    if (draining.signal.aborted) break;
    const number = await loader.load();
    send({ kind: 'loaded', load: number });
    // One load at a time: one that takes longer than the interval delays the next, and starts no second one.
    dueMs = Math.max(dueMs + config.everyMs, clock.nowMs());
  }
  await loader.load();
}

function fail(error: unknown): void {
  process.send?.({ kind: 'failed', error: reasonOf(error) } satisfies ChildReport, () =>
    process.kill(process.pid, 'SIGKILL'),
  );
}

function send(message: ChildReport): void {
  process.send?.(message);
}
