import { describe, expect, test } from 'vitest';
import { InMemoryCatalog } from '../../../test/support/in-memory-catalog.ts';
import { Follower, type FoundSnapshot } from '../visibility/iceberg-follower.ts';
import { follow } from './follow.ts';
import { POLL_MS, PollSchedule } from './poll-schedule.ts';

const START_MS = 1_000;
const by = (job: string, operator = 'sink') => ({
  summary: { 'flink.job-id': job, 'flink.operator-id': operator },
});
const REWRITE = { operation: 'replace' };

interface Watched {
  readonly found: readonly FoundSnapshot[];
  /** How late each commit was seen, by its id, ms. */
  readonly lateMs: Readonly<Record<string, number>>;
  readonly polls: number;
}

/** Follows the shelf for so long, as the census does. */
async function watch(
  shelf: InMemoryCatalog,
  commitEveryMs: number,
  forMs: number,
): Promise<Watched> {
  const ends = new AbortController();
  const { clock } = shelf;
  const found: FoundSnapshot[] = [];
  await follow(new Follower(shelf, 't', clock), new PollSchedule(commitEveryMs), {
    clock,
    signal: ends.signal,
    polled(poll, startMs) {
      found.push(...poll.found);
      if (startMs > START_MS + forMs) ends.abort();
    },
    failed: (error) => expect.unreachable(String(error)),
  });
  const lateMs = found.map(
    ({ snapshot, seenMs }) => [snapshot.id, seenMs - snapshot.timestampMs] as const,
  );
  return { found, lateMs: Object.fromEntries(lateMs), polls: shelf.asked.length };
}

/** `n` commits of a writer, one per interval, `offsetMs` after its beginning. */
function periodic(
  shelf: InMemoryCatalog,
  job: string,
  at: { readonly everyMs: number; readonly offsetMs: number; readonly n: number },
  operator?: string,
) {
  for (let i = 0; i < at.n; i++) {
    const atMs = START_MS + at.offsetMs + i * at.everyMs;
    shelf.commitAt(atMs, `${job}-${operator ?? ''}${i}`, by(job, operator));
  }
}

/** A poll every 150 ms, and the 5 ms of its answer. */
const ONE_POLL_MS = POLL_MS + 10;
const worst = ({ lateMs }: Watched, of: (id: string) => boolean) =>
  Math.max(...Object.entries(lateMs).map(([id, late]) => (of(id) ? late : 0)));

describe('commits of the pipeline are seen within one poll', () => {
  test.each([5_000, 60_000])(
    'at an interval of %i ms, though a rewrite is committed in each',
    async (everyMs) => {
      const shelf = new InMemoryCatalog();
      periodic(shelf, 'flink', { everyMs, offsetMs: 1_000, n: 20 });
      // Half a second before every commit, a rewrite: with a quiet time after it, each would be seen late.
      for (let i = 1; i < 20; i++) {
        shelf.commitAt(START_MS + 500 + i * everyMs, `rewrite-${i}`, REWRITE);
      }
      const seen = await watch(shelf, everyMs, 20 * everyMs);
      expect(seen.found).toHaveLength(39);
      expect(worst(seen, () => true)).toBeLessThanOrEqual(ONE_POLL_MS);
    },
  );

  test('though Flink itself writes the rewrite, with its job id', async () => {
    const shelf = new InMemoryCatalog();
    periodic(shelf, 'flink', { everyMs: 60_000, offsetMs: 1_000, n: 20 });
    for (let i = 1; i < 20; i++) {
      shelf.commitAt(START_MS + 300 + i * 60_000, `rewrite-${i}`, { ...by('flink'), ...REWRITE });
    }
    const seen = await watch(shelf, 60_000, 1_200_000);
    expect(worst(seen, () => true)).toBeLessThanOrEqual(ONE_POLL_MS);
  });

  test('although another writer appends in between', async () => {
    const shelf = new InMemoryCatalog();
    periodic(shelf, 'flink', { everyMs: 60_000, offsetMs: 1_000, n: 20 });
    for (let i = 1; i < 20; i++) shelf.commitAt(START_MS + 300 + i * 60_000, `spark-${i}`);
    const seen = await watch(shelf, 60_000, 1_200_000);
    expect(worst(seen, () => true)).toBeLessThanOrEqual(ONE_POLL_MS);
  });

  test.each([
    ['two jobs', 'b', undefined],
    ['two sinks of one job', 'a', 'second'],
  ])('of %s, each with its own moment', async (_, job, operator) => {
    const shelf = new InMemoryCatalog();
    periodic(shelf, 'a', { everyMs: 10_000, offsetMs: 1_000, n: 10 });
    periodic(shelf, job, { everyMs: 10_000, offsetMs: 1_400, n: 10 }, operator);
    const seen = await watch(shelf, 10_000, 100_000);
    // The first of the second writer may fall into the quiet time of the first: the writer was not known yet.
    const first = `${job}-${operator ?? ''}0`;
    expect(worst(seen, (id) => id !== first)).toBeLessThanOrEqual(ONE_POLL_MS);
    expect(seen.found).toHaveLength(20);
  });

  test('when every other one is late by 70 % of the interval', async () => {
    const shelf = new InMemoryCatalog();
    for (let i = 0; i < 20; i++) {
      const atMs = START_MS + 1_000 + i * 60_000 + (i % 2) * 42_000 + i * 137;
      shelf.commitAt(atMs, `flink-${i}`, by('flink'));
    }
    const seen = await watch(shelf, 60_000, 1_260_000);
    expect(seen.found).toHaveLength(20);
    expect(worst(seen, () => true)).toBeLessThanOrEqual(ONE_POLL_MS);
  });

  test('when a commit is left out, because there was nothing to commit', async () => {
    const shelf = new InMemoryCatalog();
    for (const i of [0, 1, 2, 9, 10]) {
      shelf.commitAt(START_MS + 1_000 + i * 10_000, `flink-${i}`, by('flink'));
    }
    const seen = await watch(shelf, 10_000, 110_000);
    expect(seen.found).toHaveLength(5);
    expect(worst(seen, () => true)).toBeLessThanOrEqual(ONE_POLL_MS);
  });
});

test('whatever comes in a quiet time is seen within 5 % of the interval, and within a second', async () => {
  for (const [everyMs, boundMs] of [
    [2_000, POLL_MS],
    [10_000, 500],
    [300_000, 1_000],
  ] as const) {
    const shelf = new InMemoryCatalog();
    periodic(shelf, 'flink', { everyMs, offsetMs: 1_000, n: 4 });
    // The savepoint of a job that is stopped, say.
    for (let i = 0; i < 4; i++) {
      shelf.commitAt(START_MS + 1_000 + i * everyMs + everyMs * 0.2, `early-${i}`, by('other'));
    }
    const seen = await watch(shelf, everyMs, 4 * everyMs);
    expect(seen.found).toHaveLength(8);
    expect(worst(seen, () => true)).toBeLessThanOrEqual(boundMs + 10);
  }
});

describe('what asking costs is bounded', () => {
  test('three quarters of the time polls are rare, where one job commits', async () => {
    const shelf = new InMemoryCatalog();
    periodic(shelf, 'flink', { everyMs: 60_000, offsetMs: 1_000, n: 20 });
    const { polls } = await watch(shelf, 60_000, 1_200_000);
    const always = 1_200_000 / POLL_MS;
    expect(polls).toBeLessThan(always * 0.4);
    expect(polls).toBeGreaterThan(always * 0.3);
  });

  test('never more than one per 150 ms, whatever is committed', async () => {
    const shelf = new InMemoryCatalog();
    for (let i = 0; i < 500; i++) shelf.commitAt(START_MS + i * 97, `s${i}`, by(`job-${i % 7}`));
    const { polls, found } = await watch(shelf, 5_000, 60_000);
    // A poll that finds several asks twice.
    expect(polls).toBeLessThanOrEqual(2 * (60_000 / POLL_MS + 2));
    expect(found).toHaveLength(500);
  });

  test('a slow catalog is polled for two thirds of the time at most', async () => {
    const shelf = new InMemoryCatalog();
    shelf.answerMs = 400;
    const { polls } = await watch(shelf, 5_000, 60_000);
    expect(polls).toBeLessThanOrEqual(60_000 / 600 + 2);
  });
});

test('commits that were there before the first poll begin no quiet time', async () => {
  const shelf = new InMemoryCatalog();
  shelf.commit('old', by('flink'));
  shelf.commitAt(START_MS + 300, 'next', by('flink'));
  const { lateMs } = await watch(shelf, 60_000, 10_000);
  expect(lateMs.next).toBeLessThanOrEqual(ONE_POLL_MS);
});
