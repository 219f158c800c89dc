import { createHook } from 'node:async_hooks';
import type { Clock } from '../../src/core/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Work on files as Node names it; a handle that is being closed has a name of its own. */
const OF_FILES = /^FS|^CloseReq$/;

/** Idle turns of the event loop before time advances. */
const IDLE_TURNS = 2;

/**
 * A clock whose time advances only while the process is idle: sleepers are woken at once, in the order of their times.
 * Work of DuckDB and of the file system outside of the event loop holds it. Its owner stops it.
 */
export class VirtualClock implements Clock, Disposable {
  #nowMs: number;
  readonly #sleepers: Sleeper[] = [];
  /** Native work in progress: operations whose end the hook has not seen yet. */
  readonly #native = new Set<number>();
  readonly #hook = createHook({
    init: (id, type) => {
      if (type === 'generic') this.#native.add(id);
    },
    before: (id) => this.#native.delete(id),
    destroy: (id) => this.#native.delete(id),
  });
  #stopped = false;

  constructor(startMs: number) {
    this.#nowMs = startMs;
    this.#hook.enable();
    this.#turn(0);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        const at = this.#sleepers.indexOf(sleeper);
        if (at >= 0) this.#sleepers.splice(at, 1);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        atMs: this.#nowMs + Math.max(0, ms),
        wake() {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#hook.disable();
  }

  #add(sleeper: Sleeper): void {
    const at = this.#sleepers.findLastIndex(({ atMs }) => atMs <= sleeper.atMs);
    this.#sleepers.splice(at + 1, 0, sleeper);
  }

  /** Checks after each turn of the event loop whether it was idle. */
  #turn(idle: number): void {
    setImmediate(() => {
      if (this.#stopped) return;
      if (this.#isBusy()) return this.#turn(0);
      if (idle < IDLE_TURNS) return this.#turn(idle + 1);
      const next = this.#sleepers.shift();
      if (next !== undefined) {
        this.#nowMs = next.atMs;
        next.wake();
      }
      this.#turn(0);
    });
  }

  #isBusy(): boolean {
    return (
      this.#native.size > 0 || process.getActiveResourcesInfo().some((name) => OF_FILES.test(name))
    );
  }
}
