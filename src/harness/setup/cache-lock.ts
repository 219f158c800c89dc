import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { claim, type Owner, ownerState, parseOwner, readClaim, thisOwner } from './owner.ts';

const POLL_MS = 200;
/** A lock from a machine whose processes are not visible here is taken over at this age. */
const FOREIGN_LOCK_MS = 30 * 60_000;

/** A held lock. Its holder releases it: `using`, or release() in a finally. */
interface HeldLock extends Disposable {
  release(): void;
}

interface LockOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, if another process holds the lock. */
  readonly onWait: (holder: Owner | undefined) => void;
}

/**
 * Acquires the lock at `path`: waits for a running holder and takes over from one that has ended.
 *
 * The lock only saves work. The cache is safe because a finished folder is renamed into place: two
 * holders at once (possible during a take-over) only fetch twice. Rejects with the signal's reason
 * when it aborts.
 */
export async function acquireLock(path: string, options: LockOptions): Promise<HeldLock> {
  mkdirSync(dirname(path), { recursive: true });
  let reported = false;
  for (;;) {
    options.signal.throwIfAborted();
    if (claim(path)) return held(path);
    const text = readClaim(path);
    if (text === undefined) continue;
    if (isStale(path, text, options.clock)) {
      removeStale(path, text);
      continue;
    }
    if (!reported) options.onWait(parseOwner(text));
    reported = true;
    await options.clock.sleep(POLL_MS, options.signal);
  }
}

function held(path: string): HeldLock {
  const mine = JSON.stringify(thisOwner());
  const release = () => {
    if (readClaim(path) === mine) rmSync(path, { force: true });
  };
  return { release, [Symbol.dispose]: release };
}

function isStale(path: string, text: string, clock: Clock): boolean {
  const owner = parseOwner(text);
  if (!owner) return true;
  const state = ownerState(owner);
  if (state !== 'unknown') return state === 'dead';
  const since = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? clock.nowMs();
  return clock.nowMs() - since > FOREIGN_LOCK_MS;
}

/** Moves a stale lock away, and puts it back if another process has just replaced it. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    const moved = readClaim(aside);
    if (moved !== undefined && moved !== stale) claim(path, moved);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
