import { expect, test } from 'vitest';
import { parseCheck } from './checks.ts';

function words(text: string) {
  const parsed = parseCheck(text);
  if (parsed.kind === 'mistake') throw new Error(parsed.mistake.message);
  const { metric, of, stat, during, ratio, comparator, limit } = parsed.check;
  return {
    metric: metric.text,
    of: of?.text,
    stat: stat?.text,
    during: during?.text,
    ratio: ratio && [ratio.numerator.text, ratio.denominator.text],
    comparator,
    limit: limit.text,
  };
}

test('a check is read in its parts', () => {
  expect(words('staleness(inventory).p99 during spike < 15s')).toEqual({
    metric: 'staleness',
    of: 'inventory',
    stat: 'p99',
    during: 'spike',
    ratio: null,
    comparator: '<',
    limit: '15s',
  });
  expect(words('query(store-lookup).p50 after/before<=0.5')).toMatchObject({
    of: 'store-lookup',
    ratio: ['after', 'before'],
    comparator: '<=',
    limit: '0.5',
  });
  expect(words('  lost==0 ')).toMatchObject({ metric: 'lost', comparator: '==', limit: '0' });
});

test('a phase may be called during', () => {
  expect(words('age(pos).p99 during during < 1s').during).toBe('during');
  expect(words('age(pos).p99 during / after < 1').ratio).toEqual(['during', 'after']);
});

test.each([
  ['', 'expected the name of a metric', 0],
  ['99 < 5', 'expected the name of a metric, not "9"', 0],
  ['lost', 'expected one of < <= == >= >', 4],
  ['lost ==', 'expected a limit', 7],
  ['lost ! 0', 'expected one of < <= == >= >, not "!"', 5],
  ['staleness(inventory < 5s', 'expected )', 20],
  ['staleness().p99 < 5s', 'expected what the metric is of, not ")"', 10],
  ['staleness(pos). < 5s', 'expected a statistic, like p99, not "<"', 16],
  ['age(pos).p99 during < 5s', 'expected the name of a phase, not "<"', 20],
  ['age(pos).p99 spike < 5s', 'expected "during phase", or two phases "a / b"', 13],
  ['age(pos).p99 a / < 5s', 'expected the name of a phase, not "<"', 17],
])('"%s": %s', (text, message, from) => {
  expect(parseCheck(text)).toMatchObject({ kind: 'mistake', mistake: { message, from } });
});
