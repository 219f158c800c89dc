import { expect, test } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import type { Load } from './load.ts';
import { LeadingLoad, type ShardMessage, SILENT_AFTER_MS } from './shards.ts';

/** A leader of three with a share that is always done, on a clock that stands until it is moved. */
function leader() {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs, nowMs: () => nowMs } as Clock;
  const said: ShardMessage[] = [];
  const own = {
    broken: new AbortController().signal,
    preload: async () => {},
    stopAt: async (offsetMs: number) => offsetMs,
  } as Partial<Load> as Load;
  const load = new LeadingLoad(own, {
    of: 3,
    clock,
    publish: async (message) => said.push(message),
  });
  const asked = () => said.findLast((message) => message.kind === 'ask');
  return {
    load,
    asked,
    pass(ms: number) {
      nowMs += ms;
    },
    alive: (from: number) => load.receive({ kind: 'alive', from, progress: null }),
    answer: (from: number, cutMs?: number) =>
      load.receive({
        ...{ kind: 'answer', from, id: asked()?.id as number },
        ...(cutMs === undefined ? {} : { cutMs }),
      }),
  };
}

test('a silent shard ends the load for all, and rejects pending requests', async () => {
  const { load, pass, alive, answer } = leader();
  const preloaded = load.preload();
  answer(1);
  pass(SILENT_AFTER_MS);
  alive(1);
  load.checkSilence();
  expect(load.broken.aborted).toBe(false);
  pass(1_000);
  load.checkSilence();
  expect(load.broken.reason).toMatchObject({
    exitCode: 3,
    message: 'shard 3 has sent no message for 31 s (limit 30 s)',
  });
  await expect(preloaded).rejects.toBe(load.broken.reason);
  await expect(load.preload()).rejects.toBe(load.broken.reason);
});

test('a shard that leaves normally sends the reason, and is not awaited', async () => {
  const { load } = leader();
  const preloaded = load.preload();
  load.receive({ kind: 'gone', from: 2, why: 'interrupted' });
  await expect(preloaded).rejects.toMatchObject({ message: 'shard 3 has ended: interrupted' });
});

test('one that was past the cut already moves it for all', async () => {
  const { load, answer, asked } = leader();
  const stopped = load.stopAt(10_000);
  const first = asked();
  const cutMs = first?.kind === 'ask' && first.what === 'stopAt' ? first.offsetMs : 0;
  expect(cutMs).toBeGreaterThan(10_000);
  answer(1, cutMs);
  answer(2, cutMs + 700);
  await expect.poll(() => asked()).not.toBe(first);
  expect(asked()).toMatchObject({ what: 'stopAt', offsetMs: cutMs + 700 });
  answer(1, cutMs + 700);
  answer(2, cutMs + 700);
  expect(await stopped).toBe(cutMs + 700);
});
