import { randomUUID } from 'node:crypto';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { type Owner, ownerState, parseOwner, thisOwner } from './owner.ts';

const POLL_MS = 200;
/** A lock from a machine we cannot look into is taken over when it is this old. */
const FOREIGN_LOCK_MS = 30 * 60_000;

/** A held lock. Whoever took it gives it back: `using`, or release() in a finally. */
interface HeldLock extends Disposable {
  release(): void;
}

interface LockOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, when somebody else holds the lock. */
  readonly onWait: (holder: Owner | undefined) => void;
}

/**
 * Takes the lock file at `path`, waiting for a living holder and taking over from a dead one.
 *
 * It only saves work: what makes the cache safe is that a finished folder is renamed into place,
 * so that two holders at once (possible in the instant of a take-over) fetch twice and nothing
 * more. Rejects with the signal's reason when it aborts.
 */
export async function takeLock(path: string, options: LockOptions): Promise<HeldLock> {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  for (;;) {
    options.signal.throwIfAborted();
    if (tryTake(path)) return held(path);
    const text = readIfThere(path);
    if (text === undefined) continue;
    if (isStale(path, text, options.clock)) {
      takeAway(path, text);
      continue;
    }
    if (!told) options.onWait(parseOwner(text));
    told = true;
    await options.clock.sleep(POLL_MS, options.signal);
  }
}

/** Creates the file with its content in one step: nobody ever sees it empty. */
function tryTake(path: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(thisOwner()));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function held(path: string): HeldLock {
  const mine = JSON.stringify(thisOwner());
  const release = () => {
    if (readIfThere(path) === mine) rmSync(path, { force: true });
  };
  return { release, [Symbol.dispose]: release };
}

function isStale(path: string, text: string, clock: Clock): boolean {
  const owner = parseOwner(text);
  if (!owner) return true;
  const state = ownerState(owner);
  if (state !== 'unknown') return state === 'dead';
  const since = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? clock.nowMs();
  return clock.nowMs() - since > FOREIGN_LOCK_MS;
}

/** Moves a stale lock aside, and puts it back if somebody else replaced it in that instant. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (readIfThere(aside) !== stale) linkSync(aside, path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
