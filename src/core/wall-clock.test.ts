import { expect, test } from 'vitest';
import { isShownTwice, isSkipped, wallClock } from './wall-clock.ts';

const SECOND = 1_000;
const HOUR = 3_600_000;
const shown = (ms: number) => new Date(ms).toISOString().slice(0, 19);

test('in autumn two o clock is one o clock again', () => {
  const clock = wallClock('us', '2026-11-01T01:59:30');
  expect(shown(clock(0))).toBe('2026-11-01T01:59:30');
  expect(shown(clock(29 * SECOND))).toBe('2026-11-01T01:59:59');
  expect(shown(clock(30 * SECOND))).toBe('2026-11-01T01:00:00');
  expect(shown(clock(HOUR + 30 * SECOND))).toBe('2026-11-01T02:00:00');
});

test('in spring two o clock is three', () => {
  const clock = wallClock('us', '2027-03-14T01:59:30');
  expect(shown(clock(29 * SECOND))).toBe('2027-03-14T01:59:59');
  expect(shown(clock(30 * SECOND))).toBe('2027-03-14T03:00:00');
  expect(isSkipped('2027-03-14T02:00')).toBe(true);
  expect(isSkipped('2027-03-14T02:59:59')).toBe(true);
  expect(isSkipped('2027-03-14T03:00')).toBe(false);
  expect(isSkipped('2027-03-14T01:59:59')).toBe(false);
  expect(isSkipped('2026-11-01T01:30')).toBe(false);
});

test('every zone changes at its own two o clock', () => {
  for (const behind of [0, 1, 2, 3]) {
    const clock = wallClock('us', '2026-11-01T01:59:30', behind);
    expect(shown(clock(behind * HOUR + 29 * SECOND))).toBe('2026-11-01T01:59:59');
    expect(shown(clock(behind * HOUR + 30 * SECOND))).toBe('2026-11-01T01:00:00');
  }
});

test('the same switches as the time zone database has, for ten years', () => {
  const eastern = new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'America/New_York',
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  // New York shows 2025-12-31T19:00 at this instant.
  const t0 = Date.UTC(2026, 0, 1);
  const clock = wallClock('us', '2025-12-31T19:00');
  for (let hours = 0; hours < 10 * 8_766; hours++) {
    const real = eastern.format(t0 + hours * HOUR).replace(' ', 'T');
    if (real !== shown(clock(hours * HOUR))) expect(shown(clock(hours * HOUR))).toBe(real);
  }
});

test('a standard clock never changes', () => {
  const clock = wallClock('standard', '2026-11-01T01:59:30', 2);
  for (const ms of [0, HOUR, 1e9]) expect(clock(ms)).toBe(Date.UTC(2026, 9, 31, 23, 59, 30) + ms);
});

test('what is shown twice is the hour before clocks go back and the one after', () => {
  const clock = wallClock('us', '2026-11-01T00:59:59');
  const times = [0, SECOND, HOUR, HOUR + SECOND, 2 * HOUR, 2 * HOUR + SECOND];
  expect(times.map((ms) => isShownTwice(clock, ms))).toEqual([
    false,
    true,
    true,
    true,
    true,
    false,
  ]);
  const spring = wallClock('us', '2027-03-14T00:30');
  for (let ms = 0; ms < 5 * HOUR; ms += 60_000) expect(isShownTwice(spring, ms)).toBe(false);
});
