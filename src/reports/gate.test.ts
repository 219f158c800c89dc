import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { scaledRecord } from '../../test/support/scaled-record.ts';
import type { GatePlan, GateSides } from '../record/gate-plan.ts';
import type { CompletedRecord } from '../record/record.ts';
import { gateOf, logRatio } from './gate.ts';
import { DEFAULT_METRICS } from './gate-metrics.ts';

const fixture = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);
const { truth } = fixture;
const plan: GatePlan = {
  id: 'g',
  reproduce: 'doorbuster gate',
  wanted: DEFAULT_METRICS,
  noiseLane: null,
};

/** Trials with the times of a real run multiplied. */
function trials(
  factors: readonly number[],
  how: (i: number) => Partial<CompletedRecord> = () => ({}),
) {
  return factors.map((factor, i) => ({
    ...{ number: i + 1, seed: 7 + i },
    record: {
      ...scaledRecord(fixture, factor),
      ...{ verdict: 'PASS', ...how(i) },
    } as CompletedRecord,
  }));
}

const sides = (
  base: GateSides['base']['trials'],
  head: GateSides['base']['trials'],
): GateSides => ({
  base: { label: 'base a', trials: base },
  head: { label: 'head b', trials: head },
});
const six = [1, 1.01, 0.99, 1.02, 1, 1.01];
const worse = six.map((factor) => factor * 1.3);

test('six pairs of which the head is worse fail, and six alike pass', () => {
  const failed = gateOf(plan, sides(trials(six), trials(worse)));
  expect(failed).toMatchObject({ verdict: 'FAIL', exitCode: 4, final: true, pairs: 6 });
  const [staleness] = failed.metrics;
  expect(staleness).toMatchObject({ id: 'staleness-p99', found: 'worse', p: 1 / 64 });
  expect(staleness?.estimate).toBeCloseTo(0.3, 6);
  expect(gateOf(plan, sides(trials(worse), trials(six)))).toMatchObject({
    verdict: 'PASS',
    exitCode: 0,
  });
  expect(gateOf(plan, sides(trials(six), trials(six)))).toMatchObject({
    verdict: 'PASS',
    final: true,
  });
});

test('five pairs decide nothing, and more are needed', () => {
  const gate = gateOf(plan, sides(trials(six.slice(1)), trials(worse.slice(1))));
  expect(gate).toMatchObject({ verdict: 'UNDECIDED', exitCode: 6, final: false, look: null });
  expect(gate.metrics.map(({ found }) => found)).toEqual([null, null, null, null]);
});

test('between two looks the first of them stands, whatever came after it', () => {
  const [more, eight] = [[...six, 9, 9], trials([...six, 1, 1])];
  const gate = gateOf(plan, sides(eight, trials(more)));
  expect(gate).toMatchObject({ verdict: 'PASS', look: { pairs: 6 }, pairs: 8 });
});

test('an INVALID trial drops its pair and is named', () => {
  const invalid = trials(six, (i) => (i === 2 ? { verdict: 'INVALID' } : {}));
  const gate = gateOf(plan, sides(invalid, trials(worse)));
  expect(gate).toMatchObject({ verdict: 'UNDECIDED', pairs: 5, final: false });
  expect(gate.warnings).toEqual([expect.stringMatching(/^pair 3 does not count; base: /)]);
  const none = trials(six, () => ({ verdict: 'INVALID' }));
  expect(gateOf(plan, sides(none, trials(six)))).toMatchObject({ verdict: 'INVALID', exitCode: 5 });
});

test('one lost row of the head fails at once; of the base it is a warning', () => {
  const loses = trials([1], () => ({
    truth: { ...truth, lost: 1 },
  }));
  const gate = gateOf(plan, sides(trials([1]), loses));
  expect(gate).toMatchObject({ verdict: 'FAIL', final: true, pairs: 1 });
  expect(gate.truth).toEqual([`1 row lost in ${fixture.id}`]);
  const before = gateOf(plan, sides(loses, trials([1])));
  expect(before).toMatchObject({ verdict: 'UNDECIDED', truth: [] });
  expect(before.warnings).toEqual([`base a: 1 row lost in ${fixture.id}`]);
});

test('a truth that was not judged is no pass', () => {
  const notJudged = [{ what: 'stock', reason: 'no memory' }];
  const unknown = trials(six, (i) => (i === 0 ? { truth: { ...truth, notJudged } } : {}));
  const gate = gateOf(plan, sides(trials(six), unknown));
  expect(gate.verdict).toBe('UNDECIDED');
  expect(gate.warnings).toEqual([`${fixture.id}: stock (no memory) was not judged`]);
});

test('a metric that a trial does not have is named, ends the gate and is no pass', () => {
  const wanted = [...DEFAULT_METRICS, { id: 'query-unheard', effect: 0.1, noise: null }];
  const gate = gateOf({ ...plan, wanted }, sides(trials(six), trials(six)));
  expect(gate).toMatchObject({ verdict: 'UNDECIDED', final: true });
  expect(gate.metrics.at(-1)).toMatchObject({ id: 'query-unheard', found: 'no data' });
});

test('noise of another lane is named', () => {
  const gate = gateOf({ ...plan, noiseLane: 'elsewhere' }, sides(trials(six), trials(six)));
  expect(gate.warnings).toEqual([expect.stringMatching(/another lane \(elsewhere\)/)]);
});

test('a pair is the logarithm of how many times worse the head is', () => {
  expect(logRatio(2, 4, 'lower')).toBeCloseTo(Math.log(2), 12);
  expect(logRatio(2, 4, 'higher')).toBeCloseTo(-Math.log(2), 12);
  expect(logRatio(2, null, 'lower')).toBe(Number.POSITIVE_INFINITY);
  expect(logRatio(null, null, 'lower')).toBe(0);
  expect(logRatio(0, 3, 'lower')).toBe(Number.POSITIVE_INFINITY);
  expect(logRatio(0, 0, 'lower')).toBe(0);
  expect(logRatio(undefined, 3, 'lower')).toBeUndefined();
});
