import type { Clock } from '../core/clock.ts';

const EVERY_MS = 500;

/**
 * Watches whether the wall clock, which makes the stamps, keeps pace with the monotonic one, which
 * cannot be set: a jump (someone set the clock, a laptop slept) would show up as staleness.
 */
export function watchClock(clock: Clock): {
  readonly apartMs: () => number;
  readonly stop: () => void;
} {
  const apart = () => clock.nowMs() - clock.monotonicMs();
  const first = apart();
  let widest = 0;
  const look = () => {
    widest = Math.max(widest, Math.abs(apart() - first));
  };
  const timer = setInterval(look, EVERY_MS);
  timer.unref();
  return {
    apartMs() {
      look();
      return widest;
    },
    stop: () => clearInterval(timer),
  };
}
