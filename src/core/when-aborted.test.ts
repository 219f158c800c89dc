import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { whenAborted } from './when-aborted.ts';

function calls(controller: AbortController) {
  let n = 0;
  return { listening: whenAborted(controller.signal, () => void n++), made: () => n };
}

test('is called once when the signal aborts, and at once if it has', () => {
  const controller = new AbortController();
  const early = calls(controller);
  expect(early.made()).toBe(0);
  controller.abort();
  expect(early.made()).toBe(1);
  expect(calls(controller).made()).toBe(1);
});

test('is not called after it was disposed of, and leaves no listener', () => {
  const controller = new AbortController();
  const { listening, made } = calls(controller);
  listening[Symbol.dispose]();
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  controller.abort();
  expect(made()).toBe(0);
});
