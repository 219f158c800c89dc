import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  completedRecord,
  spikeStaleness,
  verdictOf,
  virtualTrial,
} from '../../../test/support/virtual-trial.ts';
import type { Metric } from '../../record/record.ts';
import { FORMATS, formats } from '../../reports/formats.ts';
import { POLL_MS } from '../probes/poll-schedule.ts';

/** Units that do not depend on the clock: processor time and memory are real. */
const OF_THE_MACHINE = ['core-s', 'share', 'bytes'];

/**
 * Background queries and canaries wait for each other in one reader. Of two that are due at the same moment the process
 * may come to either first, so that each may take longer by the other, some 50 ms at most.
 */
const QUEUED: readonly string[] = ['query', 'answer_age'];

describe('a pipeline in this process, on a virtual clock', () => {
  let sound: Awaited<ReturnType<typeof virtualTrial>>;
  beforeAll(async () => {
    sound = await virtualTrial('sound', '{}');
  });

  test('has a whole record: every row is accounted for, and is as stale as its commits are apart', () => {
    const record = completedRecord(sound);
    expect(verdictOf(record), JSON.stringify(record.invalid)).toBe('PASS');
    expect(new Set(record.queries.results.map(({ engine }) => engine))).toEqual(
      new Set(['in-process']),
    );
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
    const seen = spikeStaleness(record);
    expect(seen.n).toBeGreaterThan(300);
    // A row waits for the next commit: between nothing and one interval, and half of it in the middle.
    expect(seen.p50).toBeGreaterThan(800);
    expect(seen.p50).toBeLessThan(1_200);
    expect(seen.max).toBeLessThanOrEqual(2_000 + 2 * POLL_MS);
    for (const name of FORMATS) {
      expect(
        formats[name].render(record, { color: false, columns: 100 }).length,
        name,
      ).toBeGreaterThan(100);
    }
    expect(readdirSync(sound.dir)).toEqual(
      expect.arrayContaining(['record.json', 'events.parquet', 'sightings.parquet']),
    );
  });

  test('gives the same numbers again: nothing of this machine is in them', async () => {
    const numbers = (trial: typeof sound) => {
      const { staleness, truth, regressions, metrics } = completedRecord(trial);
      const ofTheClock = metrics.filter((one) => !OF_THE_MACHINE.includes(one.unit));
      return {
        exact: {
          ...{ staleness, truth, regressions },
          metrics: ofTheClock.filter(({ name }) => !QUEUED.includes(name)),
        },
        queued: ofTheClock.filter(({ name }) => QUEUED.includes(name)),
      };
    };
    const [again, first] = [numbers(await virtualTrial('sound', '{}')), numbers(sound)];
    expect(again.exact).toEqual(first.exact);
    expect(first.queued.length).toBeGreaterThan(0);
    expect(again.queued).toEqual(first.queued.map(withinOneQuery));
  });
});

/** The same metric, each of its values within the time of one query. */
function withinOneQuery(metric: Metric) {
  const { samples: _each, stats, ...same } = metric as Extract<Metric, { shape: 'distribution' }>;
  const near = Object.entries(stats).map(([stat, value = null]) => [
    stat,
    value === null ? null : expect.closeTo(value, -2),
  ]);
  return expect.objectContaining({ ...same, stats: Object.fromEntries(near) });
}
