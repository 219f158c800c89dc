import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { usedBytes } from '../../test/support/memory.ts';
import { limitedSignal } from './limited-signal.ts';

const abortOf = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) =>
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true }),
  );

test('it aborts after the limit, also if memory is collected before', async () => {
  const aborted = abortOf(limitedSignal(new AbortController().signal, 500));
  await usedBytes();
  const reason = await Promise.race([aborted, setTimeout(5_000, 'never')]);
  expect(reason).toMatchObject({ name: 'TimeoutError' });
});

test('it aborts with the outer signal and its reason, also if that has aborted already', async () => {
  const outer = new AbortController();
  const aborted = abortOf(limitedSignal(outer.signal, 60_000));
  outer.abort(new Error('stopped'));
  expect(await aborted).toMatchObject({ message: 'stopped' });
  expect(limitedSignal(outer.signal, 60_000).reason).toMatchObject({ message: 'stopped' });
});
