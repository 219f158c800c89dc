import { type Clock, every } from '../core/clock.ts';
import { type DoorbusterError, stackBroke } from '../core/errors.ts';

const COMPARE_EVERY_MS = 500;
/**
 * After a larger jump the run ends: phases end and messages fall due by the wall clock, which may have
 * been set back by an hour.
 */
const JUMP_MS = 1_000;

/**
 * Compares the wall clock, which makes the stamps, with the monotonic one, which cannot be set: a jump
 * (the clock was set, a laptop slept) would show up as staleness. Calls `onJump` once, after a jump of
 * more than a second; a smaller one makes the run INVALID at its end.
 */
export function watchClock(
  clock: Clock,
  onJump: (error: DoorbusterError) => void,
): {
  readonly apartMs: () => number;
  readonly stop: () => void;
} {
  const apart = () => clock.nowMs() - clock.monotonicMs();
  const first = apart();
  let widest = 0;
  let jumped = false;
  const compare = () => {
    const byMs = apart() - first;
    widest = Math.max(widest, Math.abs(byMs));
    if (Math.abs(byMs) <= JUMP_MS || jumped) return;
    jumped = true;
    onJump(jump(byMs));
  };
  const stop = every(clock, COMPARE_EVERY_MS, compare);
  return {
    apartMs() {
      compare();
      return widest;
    },
    stop,
  };
}

function jump(byMs: number): DoorbusterError {
  const how = `${(Math.abs(byMs) / 1_000).toFixed(1)} s ${byMs > 0 ? 'forward' : 'back'}`;
  return stackBroke(
    `the machine's clock jumped ${how} in the middle of the run: no time stamp can be trusted`,
    'run it again once the clock is right and no program sets it (timedatectl status)',
  );
}
