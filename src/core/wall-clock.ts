const HOUR_MS = 3_600_000;

/** Whether clocks change: never, or by the rules of the US. */
type ClockRule = 'standard' | 'us';

/** Local time at an offset from t0, as epoch ms as if it were UTC. */
export type WallClock = (offsetMs: number) => number;

/**
 * The clock of a place some hours behind the retailer's own, which shows `startsAt` at t0. A repeated
 * time, in the hour before clocks go back, means its first occurrence.
 */
export function wallClock(rule: ClockRule, startsAt: string, hoursBehind = 0): WallClock {
  const written = Date.parse(`${startsAt}Z`);
  const behindMs = hoursBehind * HOUR_MS;
  if (rule === 'standard') return (offsetMs) => written - behindMs + offsetMs;
  const standard = standardOf(written) - behindMs;
  return (offsetMs) => standard + offsetMs + daylightMs(standard + offsetMs);
}

/** Whether a clock shows the same time twice, an hour apart. */
export function isShownTwice(clock: WallClock, offsetMs: number): boolean {
  const shown = clock(offsetMs);
  return clock(offsetMs + HOUR_MS) === shown || clock(offsetMs - HOUR_MS) === shown;
}

/** Whether US clocks never show a time: it lies in the hour that spring skips. */
export function isSkipped(startsAt: string): boolean {
  return wallClock('us', startsAt)(0) !== wallClock('standard', startsAt)(0);
}

/** Standard time of what a US clock shows. */
function standardOf(shownMs: number): number {
  return daylightMs(shownMs - HOUR_MS) > 0 ? shownMs - HOUR_MS : shownMs;
}

/** Offset of US clocks from their standard time. */
function daylightMs(standardMs: number): number {
  const year = new Date(standardMs).getUTCFullYear();
  // From 02:00 on the second Sunday of March to 02:00, then 01:00 of standard time, on November's first.
  const begins = sunday(year, 2, 2) + 2 * HOUR_MS;
  const ends = sunday(year, 10, 1) + HOUR_MS;
  return standardMs >= begins && standardMs < ends ? HOUR_MS : 0;
}

/** Midnight of the n-th Sunday of a month (0 is January). */
function sunday(year: number, month: number, nth: number): number {
  const weekday = new Date(Date.UTC(year, month, 1)).getUTCDay();
  return Date.UTC(year, month, 1 + ((7 - weekday) % 7) + 7 * (nth - 1));
}
