import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';

const POLL_MS = 200;
/** Longest time in which a program may fail without completing anything, ms, and the number of failures in it. */
const FAILING_WITHIN_MS = 10_000;
const FAILURES = 3;

/** Failures of a program that is started again, since it last completed a piece of work. */
export class FailureStreak {
  readonly #clock: Clock;
  #failures = 0;
  /** Time of the first, by the monotonic clock. */
  #sinceMs: number | null = null;
  #lastError = 'it ended';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get lastError(): string {
    return this.#lastError;
  }

  /** Whether it has failed so often that it will not do better. */
  get many(): boolean {
    return this.#failures >= FAILURES;
  }

  failed(error: string): void {
    this.#lastError = error;
    this.#failures += 1;
    this.#sinceMs ??= this.#clock.monotonicMs();
  }

  succeeded(): void {
    this.#failures = 0;
    this.#sinceMs = null;
  }

  /**
   * Rejects with a DoorbusterError when the program, named by `title`, fails again and again. Resolves when `signal`
   * aborts. Failures during a declared fault do not count.
   */
  async watch(
    title: string,
    signal: AbortSignal,
    underDeclaredFault: () => boolean,
  ): Promise<void> {
    while (!signal.aborted) {
      if (underDeclaredFault()) this.succeeded();
      const failingMs = this.#sinceMs === null ? 0 : this.#clock.monotonicMs() - this.#sinceMs;
      if (failingMs > FAILING_WITHIN_MS && this.many) {
        throw stackBroke(`the ${title} fails again and again: ${this.#lastError}`);
      }
      await this.#clock.sleep(POLL_MS, signal).catch(() => {});
    }
  }
}
