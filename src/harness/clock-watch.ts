import { type Clock, every } from '../core/clock.ts';
import { type DoorbusterError, stackBroke } from '../core/errors.ts';

const EVERY_MS = 500;
/**
 * From here on a run cannot go on: phases end and messages fall due by the wall clock, which may have
 * been set back by an hour.
 */
const JUMP_MS = 1_000;

/**
 * Watches whether the wall clock, which makes the stamps, keeps pace with the monotonic one, which
 * cannot be set: a jump (someone set the clock, a laptop slept) would show up as staleness. `onJump` is
 * told once, of a jump of more than a second; a smaller one makes the run INVALID at its end.
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
  const look = () => {
    const byMs = apart() - first;
    widest = Math.max(widest, Math.abs(byMs));
    if (Math.abs(byMs) <= JUMP_MS || jumped) return;
    jumped = true;
    onJump(jump(byMs));
  };
  const stop = every(clock, EVERY_MS, look);
  return {
    apartMs() {
      look();
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
