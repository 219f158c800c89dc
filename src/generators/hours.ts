import type { Profile } from '../scenario/scenario.ts';

/**
 * How a day's trade falls on its hours, in percent by local hour 0..23. Grocery is measured
 * (31k/7.7k/8.4k baskets of one US grocer, local time); specialty and web are TPC-DS's store and
 * web shopping hours.
 */
type Day = 'weekday' | 'saturday' | 'sunday';

const GROCERY: Readonly<Record<Day, readonly number[]>> = {
  weekday: [
    0.7, 0.3, 0.3, 0.2, 0.1, 0.2, 0.4, 0.9, 1.5, 2.5, 4.1, 5.7, 6.2, 6.6, 7.0, 7.9, 9.3, 11.2, 10.6,
    8.7, 6.9, 4.5, 2.8, 1.3,
  ],
  saturday: [
    0.9, 0.3, 0.2, 0.1, 0.1, 0.1, 0.4, 0.8, 1.7, 2.9, 5.2, 7.0, 8.0, 8.6, 8.1, 8.0, 9.2, 9.1, 9.0,
    6.9, 5.4, 4.1, 2.6, 1.3,
  ],
  sunday: [
    0.5, 0.3, 0.2, 0.1, 0.1, 0.0, 0.2, 0.7, 1.3, 2.8, 5.1, 7.5, 9.1, 9.3, 8.8, 8.7, 10.1, 9.7, 8.2,
    6.1, 4.8, 3.7, 1.9, 0.8,
  ],
};
const SPECIALTY = [
  0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 12, 7, 8, 9, 12, 4, 4, 12, 8, 8, 4, 0, 0, 0,
] as const;
const WEB = [1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 7, 5, 3, 4, 5, 6, 7, 8, 7, 5, 3, 1] as const;

/** Whose hours: the tills of a kind of retailer, or the web shop. */
export type Trade = Profile | 'web';

function weightsOf(trade: Trade, weekday: number): readonly number[] {
  if (trade === 'web') return WEB;
  if (trade === 'specialty') return SPECIALTY;
  return GROCERY[weekday === 0 ? 'sunday' : weekday === 6 ? 'saturday' : 'weekday'];
}

/**
 * Trade in an hour relative to an average open hour of that day: over the hours in which anything is
 * sold at all, the mean is 1. `weekday` is 0 (Sunday) .. 6.
 */
export function hourFactor(trade: Trade, weekday: number, hour: number): number {
  const weights = weightsOf(trade, weekday);
  let total = 0;
  let open = 0;
  for (const weight of weights) {
    total += weight;
    if (weight > 0) open++;
  }
  return ((weights[hour] as number) * open) / total;
}

/** The factor of the busiest hour of a weekday. */
export function busiestHour(trade: Trade): number {
  const weekday = 3;
  return Math.max(...weightsOf(trade, weekday).map((_, hour) => hourFactor(trade, weekday, hour)));
}

/** Shares of the four US time zones, and hours behind the retailer's own clock (Eastern). */
export const US_ZONES = [
  { share: 0.476, hoursBehind: 0 },
  { share: 0.291, hoursBehind: 1 },
  { share: 0.067, hoursBehind: 2 },
  { share: 0.166, hoursBehind: 3 },
] as const;
