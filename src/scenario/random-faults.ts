import { SERVERS } from '../core/metrics.ts';
import { type Random, random } from '../core/random.ts';
import { FAULT_ACTS, type FaultAct, type ServerFault } from './scenario.ts';
import type { Draft } from './schema.ts';

/** Beginnings and lengths are rounded to tenths of a second, so that a schedule is easy to read, ms. */
const STEP_MS = 100;

type Timed = Extract<Draft['phases'][number], { for: number }>;

/** A timed phase in which faults may begin; ms from t0. */
interface Window {
  readonly phase: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The measured timed phases with their times. */
function measured(phases: Draft['phases']): readonly Window[] {
  let startMs = 0;
  return phases
    .filter((phase): phase is Timed => 'for' in phase)
    .flatMap(({ name, for: forMs, measured: counts }) => {
      const window = { phase: name, startMs, endMs: startMs + forMs };
      startMs = window.endMs;
      return counts ? [window] : [];
    });
}

/** The phases in which the faults of a valid draft may begin, and the end of the last measured one, ms from t0. */
export function windowsOf({ phases, random_faults: law }: Pick<Draft, 'phases' | 'random_faults'>) {
  const all = measured(phases);
  const windows = all.filter(({ phase }) => law?.during === undefined || law.during === phase);
  return { windows, endMs: all.at(-1)?.endMs ?? 0 };
}

/**
 * The server faults that `random_faults` of a valid draft draws, in the order of their beginning: a pure function of the
 * draft, the same on every machine. Without `overlap` a fault begins `recovery` and a uniform time after the end of the one
 * before, and this time is as long on average as `every` leaves. With it, a uniform time after its beginning. All have
 * ended and had `recovery` before the measured phases end.
 */
export function* drawFaults(
  draft: Pick<Draft, 'seed' | 'phases' | 'random_faults'>,
): Generator<ServerFault, void> {
  const { seed, random_faults: law } = draft;
  if (law === undefined) return;
  const { every, for: shortestMs, for_max: longestMs = shortestMs, recovery, overlap } = law;
  const { windows, endMs } = windowsOf(draft);
  const dice = random(seed, 'server faults');
  const servers = turnsOf(law.servers, dice);
  const slackMs = overlap ? every : every - (shortestMs + longestMs) / 2 - recovery;
  const freeMs = new Map<ServerFault['server'], number>();
  let fromMs = windows[0]?.startMs ?? endMs;
  for (const { server, acts } of servers) {
    const act = acts[dice.integer(acts.length)] as FaultAct;
    const forMs = between(shortestMs, longestMs, dice.next());
    const earliestMs = Math.max(fromMs + 2 * slackMs * dice.next(), freeMs.get(server) ?? 0);
    const window = windows.find((one) => stepAfter(earliestMs) < one.endMs);
    if (window === undefined) return;
    const startMs = Math.max(window.startMs, stepAfter(earliestMs));
    const recoveredMs = startMs + forMs + recovery;
    if (recoveredMs > endMs) return;
    const atMs = startMs - window.startMs;
    yield { act, server, during: window.phase, atMs, forMs, drawn: true };
    freeMs.set(server, recoveredMs);
    fromMs = overlap ? startMs : recoveredMs;
  }
}

interface Turn {
  readonly server: ServerFault['server'];
  readonly acts: readonly FaultAct[];
}

/** The servers without end: rounds of all of them, each in an order of its own. What order the file has makes no difference. */
function* turnsOf(
  named: NonNullable<Draft['random_faults']>['servers'],
  dice: Random,
): Generator<Turn> {
  const turns = SERVERS.flatMap((server) => {
    const acts = FAULT_ACTS.filter((act) => named[server]?.includes(act));
    return acts.length === 0 ? [] : [{ server, acts }];
  });
  while (turns.length > 0) yield* dice.shuffled(turns);
}

function stepAfter(ms: number): number {
  return Math.ceil(ms / STEP_MS) * STEP_MS;
}

/** A length within a range, in steps. A range without a step in it has its own ends. */
function between(shortestMs: number, longestMs: number, share: number): number {
  const ms = shortestMs + share * (longestMs - shortestMs);
  return Math.min(longestMs, Math.max(shortestMs, Math.round(ms / STEP_MS) * STEP_MS));
}
