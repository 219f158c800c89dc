import type { Clock } from '../core/clock.ts';
import { grouped } from '../core/grouped.ts';
import type { Journal } from '../record/journal.ts';
import type { Scenario, ServerFault } from '../scenario/scenario.ts';
import { timeline } from '../scenario/timeline.ts';
import type { Facts } from './facts.ts';
import type { ResourceProbe } from './probes/resources.ts';
import type { Stack } from './stack/stack.ts';

/**
 * Time after a server is back in which failures still count as effects of its fault, ms. A job that does not
 * run by then is broken, whatever the cause.
 */
const RECOVERY_GRACE_MS = 60_000;

/** A fault and its intended start, ms from t0. */
type Planned = ServerFault & { readonly offsetMs: number };

/** A fault that has started; epoch ms. null: not yet. */
interface StartedFault {
  readonly startMs: number;
  awayMs: number | null;
  backMs: number | null;
}

/** The part of a run's session that faults use. */
export interface FaultSession {
  readonly journal: Pick<Journal, 'note'>;
  readonly signal: AbortSignal;
  readonly fail: (cause: unknown) => void;
  readonly stack: Pick<Stack, 'injectOutage' | 'restore'>;
  readonly facts: Pick<Facts, 'append'>;
  readonly probes: { readonly resources: Pick<ResourceProbe, 'sample'> };
  readonly options: {
    readonly onEvent: (event: { readonly kind: 'step'; readonly text: string }) => void;
  };
  readonly state: { readonly t0Ms: number | null };
}

/** The server faults that a scenario declares, and their progress. */
export class Faults {
  readonly #faults: readonly Planned[];
  readonly #clock: Clock;
  readonly #started: StartedFault[] = [];

  constructor(scenario: Pick<Scenario, 'faults' | 'phases'>, clock: Clock) {
    const phases = timeline(scenario);
    this.#clock = clock;
    this.#faults = scenario.faults
      .map((fault) => {
        const within = phases.find(({ phase }) => phase.name === fault.during);
        if (!within) throw new Error(`a fault in ${fault.during}, which is no timed phase`);
        return { ...fault, offsetMs: within.startMs + fault.atMs };
      })
      .sort((a, b) => a.offsetMs - b.offsetMs);
  }

  /** Whether a declared fault may be the reason for a failure now. */
  underDeclaredFault(): boolean {
    const sinceMs = this.#clock.nowMs() - RECOVERY_GRACE_MS;
    return this.#started.some(({ backMs }) => backMs === null || backMs > sinceMs);
  }

  /**
   * Runs `replay` and injects the faults at their times; resolves when it is done and every server is back.
   * Rejects if an outage cannot be injected or ended, or if `replay` rejects; before that it tries to restore
   * every server that is out.
   */
  async during(session: FaultSession, replay: () => Promise<void>): Promise<void> {
    const ended = new AbortController();
    const signal = AbortSignal.any([session.signal, ended.signal]);
    const byServer = grouped(this.#faults, ({ server }) => server);
    const chains = [...byServer.values()].map(async (faults) => {
      for (const fault of faults) await this.#inject(fault, session, signal);
    });
    const played = Promise.all(chains);
    played.catch(session.fail);
    try {
      await replay();
      await played;
    } catch (error) {
      ended.abort(error);
      await Promise.allSettled(chains);
      throw error;
    }
  }

  async #inject(
    { act, server, during, offsetMs, forMs }: Planned,
    { stack, probes, facts, journal, options, state }: FaultSession,
    signal: AbortSignal,
  ): Promise<void> {
    const clock = this.#clock;
    const intendedMs = (state.t0Ms as number) + offsetMs;
    const note = (state: 'asked' | 'away' | 'back') =>
      journal.note('fault', { state, act, server, during });
    await clock.sleep(Math.max(0, intendedMs - clock.nowMs()), signal);
    // A process that ends takes its CPU counter along: count what it used until now.
    if (act !== 'pause') await probes.resources.sample();
    const now: StartedFault = { startMs: clock.nowMs(), awayMs: null, backMs: null };
    this.#started.push(now);
    note('asked');
    options.onEvent({ kind: 'step', text: `${server}: ${act} for ${forMs / 1_000} s` });
    try {
      await stack.injectOutage(server, act);
      now.awayMs = clock.nowMs();
      note('away');
      await clock.sleep(Math.max(0, now.startMs + forMs - clock.nowMs()), signal);
      await stack.restore(server);
      now.backMs = clock.nowMs();
      note('back');
      options.onEvent({ kind: 'step', text: `${server}: back` });
    } catch (error) {
      // A persistent stack outlives the run: leave it with all servers up.
      await Promise.resolve()
        .then(() => stack.restore(server))
        .catch(() => undefined);
      throw error;
    } finally {
      const { startMs, awayMs, backMs } = now;
      const stamps = { intended_ms: intendedMs, start_ms: startMs, away_ms: awayMs };
      await facts.append('faults', [{ act, server, phase: during, ...stamps, back_ms: backMs }]);
    }
  }
}
