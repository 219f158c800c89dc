import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DoorbusterError } from './errors.ts';
import {
  formatDuration,
  formatFactor,
  formatPercent,
  formatRate,
  formatSize,
  parseDurationMs,
  parseFactor,
  parsePercent,
  parseRate,
  parseSizeBytes,
  type Rate,
  ratePer,
} from './units.ts';

test.each([
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['250ms', 250],
  ['1.5s', 1_500],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  ['0.1s', 100],
  ['1.1m', 66_000],
  ['0s', 0],
  ['1m2ms', 60_002],
])('%s is %d ms', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});

test.each(['', '10', 's', '10 s', '30s1m', '1s1s', '-1s', '1e3s', '5 parsecs', 'ms', '.5s'])(
  '"%s" is no duration',
  (text) => {
    expect(() => parseDurationMs(text)).toThrow(DoorbusterError);
  },
);

test.each([
  [90_000, '1m30s'],
  [1_250, '1.25s'],
  [250, '250ms'],
  [0.5, '0.5ms'],
  [0, '0s'],
  [3_600_000, '1h'],
  [-1_500, '-1.5s'],
])('%d ms is written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('parse of format is identity: durations to the microsecond', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 50 }), (us) => {
      expect(parseDurationMs(formatDuration(us / 1_000))).toBe(us / 1_000);
    }),
  );
});

test('parse of format is identity: rates, sizes, percentages, factors', () => {
  const count = fc.nat({ max: 1e12 }).map((n) => n / 1e4);
  const rate: fc.Arbitrary<Rate> = fc.record({
    count,
    per: fc.constantFrom('s', 'm', 'h', 'd'),
    ofEachStore: fc.boolean(),
  });
  fc.assert(
    fc.property(rate, (value) => {
      expect(parseRate(formatRate(value))).toEqual(value);
    }),
  );
  fc.assert(fc.property(fc.nat({ max: 2 ** 53 - 1 }), (n) => parseSizeBytes(formatSize(n)) === n));
  fc.assert(
    fc.property(fc.nat({ max: 1e9 }), (n) => parsePercent(formatPercent(n / 1e9)) === n / 1e9),
  );
  fc.assert(fc.property(count, (n) => parseFactor(formatFactor(n)) === n));
});

test('rates convert without losing what was written', () => {
  expect(ratePer('h', parseRate('50/store/h'))).toBe(50);
  expect(ratePer('s', parseRate('12/s'))).toBe(12);
  expect(ratePer('h', parseRate('12/s'))).toBe(43_200);
  expect(ratePer('s', parseRate('3600/h'))).toBe(1);
});

test('percentages move the decimal point and round nothing', () => {
  expect(parsePercent('0.8%')).toBe(0.008);
  expect(parsePercent('0.05 %')).toBe(0.0005);
  expect(parsePercent('29%')).toBe(0.29);
});

test('sizes know both thousands', () => {
  expect(parseSizeBytes('2 MiB')).toBe(2_097_152);
  expect(parseSizeBytes('1.5GB')).toBe(1_500_000_000);
  expect(formatSize(1_500)).toBe('1500 B');
});

test('a number that does not fit is refused, not rounded to infinity', () => {
  expect(() => parseDurationMs(`${'9'.repeat(400)}s`)).toThrow('too large');
  expect(() => parseFactor(`${'9'.repeat(400)}x`)).toThrow('too large');
});
