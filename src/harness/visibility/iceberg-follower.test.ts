import { expect, test } from 'vitest';
import { InMemoryCatalog } from '../../../test/support/in-memory-catalog.ts';
import { Follower } from './iceberg-follower.ts';

const shown = (poll: Awaited<ReturnType<Follower['poll']>>) =>
  poll.found.map(({ snapshot, missedMs, seenMs, snapshots }) => [
    snapshot.id,
    missedMs,
    seenMs,
    snapshots,
  ]);

test('a commit became visible between the start of the last miss and the end of the first hit', async () => {
  const shelf = new InMemoryCatalog();
  const follower = new Follower(shelf, 't', shelf.clock);
  expect(shown(await follower.poll())).toEqual([]); // 1000 to 1005
  shelf.commit('8963421567890123457');
  expect(shown(await follower.poll())).toEqual([['8963421567890123457', 1000, 1010, 1]]);
  expect(shown(await follower.poll())).toEqual([]); // 1010 to 1015
  shelf.commit('b');
  expect(shown(await follower.poll())).toEqual([['b', 1010, 1020, 2]]);
  // No poll in between: the hit on b was the last miss of c.
  shelf.commit('c');
  expect(shown(await follower.poll())).toEqual([['c', 1015, 1025, 3]]);
});

test('however many commits fall between two polls, each is found once and in order', async () => {
  const shelf = new InMemoryCatalog();
  const follower = new Follower(shelf, 't', shelf.clock);
  await follower.poll();
  for (let i = 0; i < 150; i++) shelf.commit(`s${i}`);
  const poll = await follower.poll();
  expect(poll.found.map(({ snapshot }) => snapshot.id)).toEqual(
    Array.from({ length: 150 }, (_, i) => `s${i}`),
  );
  expect(new Set(poll.found.map(({ missedMs, seenMs }) => `${missedMs}-${seenMs}`))).toEqual(
    new Set(['1000-1010']),
  );
  expect((await follower.poll()).found).toEqual([]);
});

test('a commit between the two requests of one poll has an interval of its own', async () => {
  const shelf = new InMemoryCatalog();
  const follower = new Follower(shelf, 't', shelf.clock);
  await follower.poll();
  shelf.commit('a');
  shelf.commit('b');
  shelf.between = () => shelf.commit('c');
  expect(shown(await follower.poll())).toEqual([
    ['a', 1000, 1010, 3],
    ['b', 1000, 1010, 3],
    ['c', 1005, 1015, 3],
  ]);
  shelf.commit('d');
  expect(shown(await follower.poll())).toEqual([['d', 1010, 1020, 4]]);
});

test('snapshots that were there before the first poll have no lower bound', async () => {
  const shelf = new InMemoryCatalog();
  shelf.commit('a');
  shelf.commit('b');
  const poll = await new Follower(shelf, 't', shelf.clock).poll();
  expect(shown(poll)).toEqual([
    ['a', null, 1005, 2],
    ['b', null, 1005, 2],
  ]);
});

test('what expired before any poll saw it is a gap, and the rest is still found', async () => {
  const shelf = new InMemoryCatalog();
  const follower = new Follower(shelf, 't', shelf.clock);
  shelf.commit('a');
  await follower.poll();
  for (const id of ['b', 'c', 'd', 'e']) shelf.commit(id);
  shelf.expireFirst(3);
  const poll = await follower.poll();
  expect(poll.gap).toBe('snapshot c had expired before it was seen');
  expect(poll.found.map(({ snapshot }) => snapshot.id)).toEqual(['d', 'e']);
});
