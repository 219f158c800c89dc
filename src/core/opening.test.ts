import { expect, test } from 'vitest';
import { opening } from './opening.ts';

function resource() {
  let disposed = 0;
  const one = {
    async [Symbol.asyncDispose]() {
      disposed += 1;
    },
  };
  return { one, disposed: () => disposed };
}

test('what is still being opened when other work fails is disposed of once it is there', async () => {
  const { one, disposed } = resource();
  let arrive = (_: typeof one) => {};
  const late = new Promise<typeof one>((resolve) => {
    arrive = resolve;
  });
  const work = (async () => {
    await using _late = opening(late);
    throw new Error('other work');
  })();
  const failed = expect(work).rejects.toThrow('other work');
  expect(disposed()).toBe(0);
  arrive(one);
  await failed;
  expect(disposed()).toBe(1);
});

test('a failure to open is that of who waits for it, and of no one else', async () => {
  const refused = () => Promise.reject<AsyncDisposable>(new Error('refused'));
  await expect(opening(refused()).opened).rejects.toThrow('refused');
  // Not waited for: neither the disposal nor the process sees it.
  await using _unasked = opening(refused());
});
