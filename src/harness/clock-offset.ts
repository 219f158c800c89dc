import type { Clock } from '../core/clock.ts';
import type { PublishStamps } from './clients/kafka-channel.ts';

/** Interval [fromMs, toMs] that contains the offset of the broker's clock from ours, ms. */
export interface ClockOffset {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The broker truncates its stamps to whole milliseconds, so the true time may be up to this much later. */
const STAMP_RESOLUTION_MS = 1;

/**
 * Offset of the broker's clock from the stamps of several messages. Each was appended after it was sent and before it
 * was acknowledged, so the broker's stamp lies between the two, plus the offset. The result is the intersection of all
 * intervals; if it is empty (a clock was set meanwhile), the narrowest one. Cristian (1989), with the best of n.
 */
export function clockOffset(stamps: readonly PublishStamps[]): ClockOffset {
  const bounds = stamps.map(({ sentMs, kafkaMs, ackedMs }) => ({
    fromMs: kafkaMs - ackedMs,
    toMs: kafkaMs + STAMP_RESOLUTION_MS - sentMs,
  }));
  const fromMs = Math.max(...bounds.map((one) => one.fromMs));
  const toMs = Math.min(...bounds.map((one) => one.toMs));
  if (fromMs <= toMs) return { fromMs, toMs };
  return bounds.reduce((best, one) => (widthOf(one) < widthOf(best) ? one : best));
}

/** Width of the interval, ms. */
export function widthOf({ fromMs, toMs }: ClockOffset): number {
  return toMs - fromMs;
}

/** Best estimate of the offset, ms. */
export function middleOf({ fromMs, toMs }: ClockOffset): number {
  return (fromMs + toMs) / 2;
}

/** The same clock, `byMs` ahead. */
export function offsetClock(clock: Clock, byMs: number): Clock {
  return { ...clock, nowMs: () => clock.nowMs() + byMs };
}
