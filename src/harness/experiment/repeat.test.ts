import { expect, test } from 'vitest';
import { completedRecord } from '../../../test/support/completed.ts';
import { afterWarmUps, planComparison, planTrials, repeatTrials, warmUpsFor } from './repeat.ts';
import type { Trial } from './trial-context.ts';

const record = completedRecord(new URL('../../../test/fixtures/quick', import.meta.url).pathname);

test('each trial has a seed one higher, or all the same; a warm-up has that of the first', () => {
  const options = { seed: 7, seeds: 'increment', warmUp: false } as const;
  expect(planTrials(3, options).map(({ seed }) => seed)).toEqual([7, 8, 9]);
  expect(planTrials(3, { ...options, seeds: 'same' }).map(({ seed }) => seed)).toEqual([7, 7, 7]);
  expect(planTrials(2, { ...options, warmUp: true })).toEqual([
    { number: 0, seed: 7 },
    { number: 1, seed: 7 },
    { number: 2, seed: 8 },
  ]);
});

test('warm-ups use every server once, in as few trials as it takes', () => {
  const flink = ['kafka', 'minio', 'flink-jobmanager'];
  expect(warmUpsFor([flink, flink])).toEqual([0]);
  expect(warmUpsFor([['kafka'], flink, [...flink, 'connect'], ['kafka', 'redis']])).toEqual([2, 3]);
  expect(warmUpsFor([[], []])).toEqual([0]);
});

test('warm-ups come before all rounds of a comparison, with the seed of the first', () => {
  const rounds = planComparison(2, 3, 7);
  expect(afterWarmUps([], rounds)).toEqual(rounds);
  expect(afterWarmUps([1], rounds)).toEqual([{ number: 0, seed: 7, design: 1 }, ...rounds]);
});

test('after a trial that did not complete there is no other', async () => {
  const begun: string[] = [];
  const lab = {
    async run({ reproduce }: Pick<Trial, 'reproduce'>) {
      begun.push(reproduce);
      const cut = { ...record, outcome: 'interrupted', verdict: null } as const;
      return { record: begun.length === 2 ? cut : record, dir: '' };
    },
  };
  const plan = planTrials(3, { seed: 1, seeds: 'increment', warmUp: false });
  const trialOf = async ({ seed }: { seed: number }) => ({ reproduce: `--seed ${seed}` }) as Trial;
  const ended: unknown[] = [];
  for await (const { number, record: its } of repeatTrials(lab, plan, trialOf)) {
    ended.push([number, its.outcome]);
  }
  expect(ended).toEqual([
    [1, 'completed'],
    [2, 'interrupted'],
  ]);
  expect(begun).toEqual(['--seed 1', '--seed 2']);
});
