import type { Clock } from '../core/clock.ts';
import type { PublishStamps } from './clients/kafka-channel.ts';

/** How far the broker's clock is ahead of ours, ms: somewhere in [fromMs, toMs]. */
export interface ClockOffset {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The broker's stamp is a whole millisecond: it may be up to one later than it says. */
const GRAIN_MS = 1;

/**
 * What a few messages say of the broker's clock: each was appended after it was sent and before it was answered, so
 * its stamp lies between the two, offset apart. The offset is in every interval; where they have nothing
 * in common (a clock was set meanwhile), the narrowest is taken. Cristian (1989), with the best of n.
 */
export function clockOffset(said: readonly PublishStamps[]): ClockOffset {
  const bounds = said.map(({ sentMs, kafkaMs, ackedMs }) => ({
    fromMs: kafkaMs - ackedMs,
    toMs: kafkaMs + GRAIN_MS - sentMs,
  }));
  const fromMs = Math.max(...bounds.map((one) => one.fromMs));
  const toMs = Math.min(...bounds.map((one) => one.toMs));
  if (fromMs <= toMs) return { fromMs, toMs };
  return bounds.reduce((best, one) => (widthOf(one) < widthOf(best) ? one : best));
}

/** ms. */
export function widthOf({ fromMs, toMs }: ClockOffset): number {
  return toMs - fromMs;
}

/** The best guess, ms. */
export function middleOf({ fromMs, toMs }: ClockOffset): number {
  return (fromMs + toMs) / 2;
}

/** The same clock, read as many ms ahead. */
export function offsetClock(clock: Clock, byMs: number): Clock {
  return { ...clock, nowMs: () => clock.nowMs() + byMs };
}
