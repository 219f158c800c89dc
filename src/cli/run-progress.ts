import pc from 'picocolors';
import type { ProgressTick, RunEvent } from '../harness/experiment/progress.ts';
import { type ProgressState, progressLines } from '../reports/progress.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { timeline } from '../scenario/timeline.ts';
import type { Terminal } from './terminal.ts';

type Step = Exclude<RunEvent, { kind: 'tick' }>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Number of commits that are kept for the sparkline: more than the width of any terminal. */
const COURSE_LENGTH = 200;

/** Shows the progress of a run: a redrawn window on a terminal, a plain line per step elsewhere. */
export function runProgress(
  terminal: Terminal,
  scenario: Scenario,
): { readonly show: (event: RunEvent) => void; readonly end: () => void } {
  const window = openWindow(terminal);
  const state = startState(scenario);
  let last: { readonly atMs: number; readonly acknowledged: number } | null = null;
  return {
    show(event) {
      if (event.kind === 'tick') {
        last = takeTick(state, event.tick, last);
      } else {
        takeStep(state, event);
        const line = lineOf(event);
        if (line !== null) window.above(line);
      }
      window.draw(progressLines(state, { color: pc.isColorSupported, columns: terminal.columns }));
    },
    end: window.close,
  };
}

/** The bottom lines of a terminal, redrawn in place; does nothing if stderr is not a terminal. */
function openWindow(terminal: Terminal) {
  let drawn = 0;
  const erase = () => {
    if (drawn > 0) terminal.redraw([], drawn);
    drawn = 0;
  };
  return {
    above(line: string) {
      erase();
      terminal.say(line);
    },
    draw(lines: readonly string[]) {
      if (!terminal.live) return;
      terminal.redraw(['', ...lines], drawn);
      drawn = lines.length + 1;
    },
    close: erase,
  };
}

function startState(scenario: Scenario): Mutable<ProgressState> {
  const timed = new Map(
    timeline(scenario).map(({ phase, startMs, endMs }) => [phase.name, endMs - startMs]),
  );
  return {
    phases: scenario.phases.map(({ name }) => ({
      name,
      plannedMs: timed.get(name) ?? null,
      state: 'to come',
      elapsedMs: 0,
    })),
    step: null,
    elapsedMs: 0,
    remainingMs: null,
    servers: [],
    load: null,
    staleness: [],
    course: [],
    files: null,
    lastQuery: null,
  };
}

function takeStep(state: Mutable<ProgressState>, event: Step): void {
  if (event.kind === 'step') state.step = event.text;
  if (event.kind === 'server') {
    const { server: name, state: is, ms } = event;
    state.servers = [...state.servers.filter((one) => one.name !== name), { name, state: is, ms }];
  }
  if (event.kind === 'phase-begin' || event.kind === 'phase-end') {
    state.phases = state.phases.map((phase) =>
      phase.name === event.phase
        ? { ...phase, state: event.kind === 'phase-begin' ? 'now' : 'done' }
        : phase,
    );
  }
}

function takeTick(
  state: Mutable<ProgressState>,
  tick: ProgressTick,
  last: { readonly atMs: number; readonly acknowledged: number } | null,
) {
  const sinceMs = tick.elapsedMs - (last?.atMs ?? tick.elapsedMs);
  state.elapsedMs = tick.elapsedMs;
  state.remainingMs = tick.remainingMs;
  state.phases = state.phases.map((phase) =>
    phase.state === 'now' ? { ...phase, elapsedMs: phase.elapsedMs + sinceMs } : phase,
  );
  const tables = Object.entries(tick.tables);
  state.staleness = tables.flatMap(([stream, { staleness }]) =>
    staleness ? [{ stream, p50Ms: staleness.p50, p99Ms: staleness.p99 }] : [],
  );
  const main = tick.tables[tick.stock ?? '']?.staleness?.p50;
  if (main !== undefined && main !== state.course.at(-1)) {
    state.course = [...state.course, main].slice(-COURSE_LENGTH);
  }
  state.files = tables.reduce(
    (sum, [, { last: read }]) =>
      sum +
      (read
        ? read.files.data + read.files.equalityDeletes + read.files.positionDeletes + read.files.dvs
        : 0),
    0,
  );
  state.lastQuery = tick.lastQuery;
  if (tick.load === null) return last;
  const acknowledged = tick.load.acknowledged;
  state.load = {
    targetPerSecond: tick.targetPerSecond,
    achievedPerSecond:
      last === null || sinceMs <= 0 ? null : ((acknowledged - last.acknowledged) / sinceMs) * 1_000,
    acknowledged,
    slipP99Ms: tick.load.slipP99Ms,
  };
  return { atMs: tick.elapsedMs, acknowledged };
}

function lineOf(event: Step): string | null {
  switch (event.kind) {
    case 'plan':
      return `${event.line}\n${pc.dim(event.folder)}`;
    case 'server':
      return event.state === 'ready'
        ? pc.dim(`ready  ${event.server} (${(event.ms / 1000).toFixed(1)} s)`)
        : null;
    case 'step':
      return pc.dim(`step   ${event.text}`);
    case 'phase-begin':
    case 'so-far':
      return null;
    case 'phase-end':
      return `phase  ${event.phase}: ${event.line}`;
    case 'warning':
      return `${pc.yellow('warn')}   ${event.text}`;
  }
}
