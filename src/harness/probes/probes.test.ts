import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../core/clock.ts';
import { NO_USAGE } from '../engines/engine.ts';
import { openFacts } from '../facts.ts';
import { eventLoopProbe } from './event-loop.ts';
import type { ProbeContext } from './probe.ts';
import { type RunningProbes, stopAll } from './probes.ts';
import { resourceProbe } from './resources.ts';

/** The machine's clock with every second a twentieth as long. */
const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) };

test('a probe whose samples cannot be written down ends the run, and not the process', async () => {
  const facts = await openFacts();
  const failed: { told?: (cause: unknown) => void } = {};
  const failure = new Promise<unknown>((resolve) => {
    failed.told = resolve;
  });
  const context: Partial<ProbeContext> = {
    facts,
    clock: hasty,
    signal: new AbortController().signal,
    processes: () => [],
    queryEngine: () => NO_USAGE,
    underDeclaredFault: () => false,
    fail: (cause) => failed.told?.(cause),
  };
  const probe = await resourceProbe.start(context as ProbeContext);
  await facts.close();
  expect(await failure).toBeInstanceOf(Error);
  await expect(probe.stop()).rejects.toThrow();
});

test('a stall of the main thread is in the facts as long as it was', async () => {
  await using facts = await openFacts();
  const context: Partial<ProbeContext> = {
    facts,
    clock: systemClock,
    signal: new AbortController().signal,
    fail(cause) {
      throw cause;
    },
  };
  const probe = await eventLoopProbe.start(context as ProbeContext);
  await systemClock.sleep(100);
  const startMs = systemClock.nowMs();
  while (systemClock.nowMs() - startMs < 400);
  await systemClock.sleep(100);
  await probe.stop();
  const [seen] = await facts.rows<Record<string, number>>(
    `SELECT count(*) AS n, count(worker) AS workers, max(delay_ms) AS longest,
       count(*) FILTER (delay_ms > 100) AS late FROM loop_delay`,
  );
  expect(seen).toMatchObject({ workers: 0 });
  expect(seen?.longest).toBeGreaterThan(340);
  // A moment every 50 ms: of those in the stall, all but the last two were late by more than 100 ms.
  expect(seen?.late).toBeGreaterThanOrEqual(5);
});

test('a probe that cannot be stopped keeps no other from it', async () => {
  const stopped: string[] = [];
  const running = {
    canary: { stop: () => Promise.reject(new Error('no room for what it saw')) },
    layout: { stop: async () => void stopped.push('layout') },
  } as unknown as Partial<RunningProbes>;
  await expect(stopAll(running)).rejects.toThrow('no room for what it saw');
  expect(stopped).toEqual(['layout']);
});
