import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../core/clock.ts';
import { openFacts } from '../facts.ts';
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
    queryEngine: () => ({ cpuS: 0, rssBytes: 0, endedCpuS: 0, pids: [] }),
    excused: () => false,
    fail: (cause) => failed.told?.(cause),
  };
  const probe = await resourceProbe.start(context as ProbeContext);
  await facts.close();
  expect(await failure).toBeInstanceOf(Error);
  await expect(probe.stop()).rejects.toThrow();
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
