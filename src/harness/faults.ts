import type { Clock } from '../core/clock.ts';
import { grouped } from '../core/grouped.ts';
import type { Journal } from '../record/journal.ts';
import type { Scenario, ServerFault } from '../scenario/scenario.ts';
import { timeline } from '../scenario/timeline.ts';
import type { Facts } from './facts.ts';
import type { ResourceProbe } from './probes/resources.ts';
import type { Stack } from './stack/stack.ts';

/**
 * How long after its server is back a fault may still be why something does not answer or cannot run. A
 * job that cannot be brought to run by then is broken, whatever broke it.
 */
const EXCUSED_FOR_MS = 60_000;

/** A fault, and when it is to begin, ms from t0. */
type Planned = ServerFault & { readonly offsetMs: number };

/** A fault that has happened; epoch ms. null: not yet. */
interface Happened {
  readonly startMs: number;
  awayMs: number | null;
  backMs: number | null;
}

/** What of a session they need. */
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

/** The faults of servers that a scenario declares, and how far they have got. */
export class Faults {
  readonly #faults: readonly Planned[];
  readonly #clock: Clock;
  readonly #happened: Happened[] = [];

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

  /** Whether a fault that was asked for may be why something does not answer now. */
  excused(): boolean {
    const sinceMs = this.#clock.nowMs() - EXCUSED_FOR_MS;
    return this.#happened.some(({ backMs }) => backMs === null || backMs > sinceMs);
  }

  /**
   * Does `replay` while the faults happen at their times, and resolves when it is done and every server is
   * back. Rejects with what kept one from going or coming back, or with what `replay` rejected with; what had
   * is out by then is restored, if it can be.
   */
  async during(session: FaultSession, replay: () => Promise<void>): Promise<void> {
    const enough = new AbortController();
    const signal = AbortSignal.any([session.signal, enough.signal]);
    const byServer = grouped(this.#faults, ({ server }) => server);
    const chains = [...byServer.values()].map(async (faults) => {
      for (const fault of faults) await this.#happen(fault, session, signal);
    });
    const played = Promise.all(chains);
    played.catch(session.fail);
    try {
      await replay();
      await played;
    } catch (error) {
      enough.abort(error);
      await Promise.allSettled(chains);
      throw error;
    }
  }

  async #happen(
    { act, server, during, offsetMs, forMs }: Planned,
    { stack, probes, facts, journal, options, state }: FaultSession,
    signal: AbortSignal,
  ): Promise<void> {
    const clock = this.#clock;
    const intendedMs = (state.t0Ms as number) + offsetMs;
    const note = (state: 'asked' | 'away' | 'back') =>
      journal.note('fault', { state, act, server, during });
    await clock.sleep(Math.max(0, intendedMs - clock.nowMs()), signal);
    // What it has used until now would otherwise be nobody's.
    if (act !== 'pause') await probes.resources.sample();
    const now: Happened = { startMs: clock.nowMs(), awayMs: null, backMs: null };
    this.#happened.push(now);
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
      // A stack that was given stays up, and is to be whole.
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
