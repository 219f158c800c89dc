import picocolors from 'picocolors';
import { sparkline } from './blocks.ts';
import { count, duration, durationPair, moment } from './format.ts';
import { painter, type TerminalOptions } from './terminal.ts';

/** Progress of a run as plain data, from which the live window is drawn. Durations in ms. */
export interface ProgressState {
  /** In order; `plannedMs` null: no fixed length. */
  readonly phases: readonly {
    readonly name: string;
    readonly plannedMs: number | null;
    readonly state: 'done' | 'now' | 'to come';
    /** Time spent in it so far. */
    readonly elapsedMs: number;
  }[];
  /** The current step if no phase runs: "preloading 160,000 rows". */
  readonly step: string | null;
  readonly elapsedMs: number;
  readonly remainingMs: number | null;
  readonly servers: readonly {
    readonly name: string;
    readonly state: 'starting' | 'ready' | 'stopped';
    readonly ms: number;
  }[];
  /** null before the load. */
  readonly load: {
    readonly targetPerSecond: number | null;
    readonly achievedPerSecond: number | null;
    readonly acknowledged: number;
    readonly slipP99Ms: number | null;
  } | null;
  /** Of the last commit read, per stream. */
  readonly staleness: readonly {
    readonly stream: string;
    readonly p50Ms: number;
    readonly p99Ms: number;
  }[];
  /** p50 of the main stream after each commit so far. */
  readonly course: readonly number[];
  readonly files: number | null;
  readonly lastQuery: {
    readonly name: string;
    readonly ms: number;
    readonly outcome: string;
  } | null;
}

/** The live window: a bar of phases, then the measurements so far. Never wider than the terminal. */
export function progressLines(state: ProgressState, options: TerminalOptions): readonly string[] {
  const paint = painter(options.color);
  const { bold } = picocolors.createColors(options.color);
  const width = Math.max(20, options.columns - 1);
  const left =
    state.remainingMs === null ? '' : `, about ${moment(Math.max(0, state.remainingMs))} left`;
  const now = state.phases.find((phase) => phase.state === 'now');
  const doing = now?.name ?? state.step ?? 'starting';
  const head = `${doing}  ${moment(state.elapsedMs)}${left}`;
  const rows: readonly (readonly [string, string])[] = [
    ...serverRows(state),
    ...(state.load ? [['load', loadText(state.load)] as const] : []),
    ...(state.staleness.length > 0 ? [['stale', stalenessText(state, width)] as const] : []),
    ...(state.files === null ? [] : [['files', `${count(state.files)} live`] as const]),
    ...(state.lastQuery ? [['query', queryText(state.lastQuery)] as const] : []),
  ];
  return [
    bold(clipped(head, width)),
    ...(state.phases.length > 0
      ? [paint(clipped(phaseBar(state, Math.min(width, 60)), width), 'dim')]
      : []),
    ...rows.map(([name, text]) => `${paint(name.padEnd(6), 'dim')}${clipped(text, width - 6)}`),
  ];
}

function serverRows({ servers }: ProgressState): readonly (readonly [string, string])[] {
  const starting = servers.filter(({ state }) => state === 'starting');
  if (starting.length === 0) return [];
  const ready = servers.filter(({ state }) => state === 'ready').length;
  const names = starting.map(({ name, ms }) => `${name} ${duration(ms)}`).join(', ');
  return [['start', `${ready} of ${servers.length} ready, waiting for ${names}`]];
}

function loadText(load: NonNullable<ProgressState['load']>): string {
  const rate = (value: number | null) => (value === null ? '–' : count(value));
  const slip = load.slipP99Ms === null ? '' : `, slip p99 ${duration(load.slipP99Ms)}`;
  return `${rate(load.achievedPerSecond)} of ${rate(load.targetPerSecond)} events/s, ${count(load.acknowledged)} acknowledged${slip}`;
}

function stalenessText({ staleness, course }: ProgressState, width: number): string {
  const all = staleness.map(
    ({ stream, p50Ms, p99Ms }) => `${stream} ${durationPair(p50Ms, p99Ms, 0)}`,
  );
  const text = `${all.join(', ')} (p50 / p99 of the last commit)`;
  const room = width - 6 - text.length - 2;
  return room < 8 || course.length < 2 ? text : `${text}  ${sparkline(course.slice(-room))}`;
}

function queryText({ name, ms, outcome }: NonNullable<ProgressState['lastQuery']>): string {
  return outcome === 'ok' ? `${name} ${duration(ms)}` : `${name} ${outcome} after ${duration(ms)}`;
}

/** `━━━━╸────`: the width of a phase is its duration; a phase without a fixed length has the mean width. */
function phaseBar({ phases }: ProgressState, width: number): string {
  if (phases.length === 0) return '';
  const known = phases.flatMap(({ plannedMs }) => plannedMs ?? []);
  const mean = known.length > 0 ? known.reduce((sum, ms) => sum + ms, 0) / known.length : 1;
  const total = phases.reduce((sum, { plannedMs }) => sum + (plannedMs ?? mean), 0) || 1;
  const room = Math.max(phases.length, width - phases.length + 1);
  return phases
    .map(({ plannedMs, state, elapsedMs }) => {
      const lengthMs = plannedMs ?? mean;
      const cells = Math.max(1, Math.round((lengthMs / total) * room));
      const share = state === 'done' ? 1 : state === 'now' ? elapsedMs / (lengthMs || 1) : 0;
      const full = Math.min(cells, Math.floor(share * cells));
      return '━'.repeat(full) + '─'.repeat(cells - full);
    })
    .join(' ');
}

function clipped(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
