import type { DayKind } from '../../scenario/recording.ts';
import type { Profile } from '../../scenario/scenario.ts';

/**
 * How a day's trade falls on its hours, in percent by local hour 0..23. Grocery is measured (155,848 receipts of
 * one US grocer, local time); specialty and web are TPC-DS's store and web shopping hours.
 */

const GROCERY: Readonly<Record<DayKind, readonly number[]>> = {
  weekday: [
    0.7, 0.4, 0.4, 0.2, 0.1, 0.3, 0.8, 1.6, 2.2, 2.8, 4.1, 5.5, 6.2, 6.2, 6.6, 7.4, 8.9, 10.5, 9.9,
    8.5, 6.9, 5.1, 3.1, 1.5,
  ],
  saturday: [
    0.9, 0.4, 0.5, 0.2, 0.2, 0.2, 0.5, 1.2, 2.2, 3.5, 5.2, 6.9, 7.6, 7.6, 7.7, 7.8, 8.6, 8.6, 8.0,
    7.1, 5.7, 4.5, 3.0, 1.6,
  ],
  sunday: [
    0.7, 0.4, 0.4, 0.2, 0.1, 0.1, 0.3, 0.9, 1.7, 3.4, 5.0, 6.9, 8.2, 8.6, 8.6, 8.7, 9.4, 9.2, 8.2,
    6.5, 5.5, 4.0, 2.2, 1.1,
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
