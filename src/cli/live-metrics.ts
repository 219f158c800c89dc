import { basename } from 'node:path';
import { Counter, Gauge, Registry } from 'prom-client';
import type { ProgressTick, RunEvent } from '../harness/experiment/progress.ts';

/** Metrics of a run that goes on, in OpenMetrics: what the progress of the run has anyway. What is not known has no sample. */
const LIVE = {
  run_info: {
    help: 'the run: its scenario, and the name of its folder',
    labels: ['scenario', 'run'],
  },
  server_ready: { help: '1: the server is ready; 0: it starts or has stopped', labels: ['server'] },
  phase: { help: '1: the phase that is under way', labels: ['phase'] },
  elapsed_seconds: { help: 'time since the course of the run began', labels: [] },
  remaining_seconds: { help: 'estimated time that is left', labels: [] },
  incidents: { help: 'events so far that make the run INVALID', labels: [] },
  check: {
    help: 'state of a check so far: pending, or failed whatever follows',
    labels: ['check', 'state'],
  },
  verdict: {
    help: 'verdict so far: pending, or failed by a check whatever follows',
    labels: ['state'],
  },
  backlog_changes: {
    help: 'consumer lag of the pipeline: changes that are due and not visible',
    labels: ['dataset'],
  },
  age_seconds: {
    help: 'time since the oldest change happened that is not visible; 0: none is waiting',
    labels: ['dataset'],
  },
  load_target_events_per_second: { help: 'messages that are intended now', labels: [] },
  load_handed_over_events: { help: 'messages handed to the client', labels: [], counts: true },
  load_acknowledged_events: { help: 'messages that were acknowledged', labels: [], counts: true },
  load_overdue_events: { help: 'messages that are due and not handed over', labels: [] },
  load_behind_seconds: {
    help: 'how late the oldest message is that is not handed over',
    labels: [],
  },
  load_slip_p99_seconds: {
    help: 'p99 of hand-over minus intended send, last half second',
    labels: [],
  },
  staleness_p50_seconds: {
    help: 'median staleness of the rows of the last commit',
    labels: ['dataset'],
  },
  staleness_p99_seconds: {
    help: 'p99 of the staleness of the rows of the last commit',
    labels: ['dataset'],
  },
  commits: { help: 'commits that were read', labels: ['dataset'], counts: true },
  rows: { help: 'rows that were read in commits', labels: ['dataset'], counts: true },
  commits_unread: { help: 'commits that were found and not yet read', labels: ['dataset'] },
  files: { help: 'live files after the last commit', labels: ['dataset', 'content'] },
  query_seconds: { help: 'latency of the background query that ended last', labels: ['query'] },
  query_ok: { help: '1: it answered; 0: it failed or timed out', labels: ['query'] },
} as const satisfies Record<string, LiveMetric>;

interface LiveMetric {
  readonly help: string;
  readonly labels: readonly string[];
  /** A counter, whose samples end in `_total`. */
  readonly counts?: true;
}

type Name = keyof typeof LIVE;
type Labels<N extends Name> = Readonly<Record<(typeof LIVE)[N]['labels'][number], string>>;

const PREFIX = 'doorbuster_';

/** The metrics of one run. `show` takes every event of it. */
export interface LiveMetrics {
  readonly contentType: string;
  show(event: RunEvent): void;
  text(): Promise<string>;
}

/** Metrics of a run of this scenario. Nothing is computed until they are asked for. */
export function liveMetrics(scenario: string): LiveMetrics {
  const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const metrics = new Map(
    Object.entries<LiveMetric>(LIVE).map(([name, { help, labels, counts }]) => {
      const options = { help, labelNames: [...labels], registers: [registry] };
      const metric = counts
        ? new Counter({ ...options, name: `${PREFIX}${name}_total` })
        : new Gauge({ ...options, name: PREFIX + name });
      return [name as Name, metric] as const;
    }),
  );
  const clear = (name: Name) => {
    const metric = metrics.get(name);
    metric?.reset();
    // Without labels it would be 0 again, which would be a measurement.
    if (LIVE[name].labels.length === 0) metric?.remove();
  };
  for (const name of metrics.keys()) clear(name);
  const add = <N extends Name>(name: N, labels: Labels<N>, value: number | null) => {
    if (value !== null) metrics.get(name)?.inc(labels, value);
  };
  return {
    contentType: registry.contentType,
    show(event) {
      if (event.kind === 'plan') add('run_info', { scenario, run: basename(event.folder) }, 1);
      if (event.kind === 'server') {
        const { server, state } = event;
        const gauge = metrics.get('server_ready');
        gauge?.remove({ server });
        add('server_ready', { server }, state === 'ready' ? 1 : 0);
      }
      if (event.kind === 'so-far') {
        for (const name of SO_FAR) clear(name);
        setSoFar(event, add);
      }
      if (event.kind !== 'tick') return;
      for (const name of OF_A_TICK) clear(name);
      setTick(event.tick, add);
    },
    text: () => registry.metrics(),
  };
}

/** What is computed from the facts while the load runs, less often than a tick. */
const SO_FAR: readonly Name[] = ['check', 'verdict', 'backlog_changes', 'age_seconds'];
const OF_A_TICK = (Object.keys(LIVE) as Name[]).filter(
  (name) => !['run_info', 'server_ready', ...SO_FAR].includes(name),
);

const seconds = (ms: number | null) => ms && ms / 1_000;

type Add = <N extends Name>(name: N, labels: Labels<N>, value: number | null) => void;

/** A state has one sample for each value it may have, and 1 for the one that it has. */
const STATES = ['pending', 'failed'] as const;

function setSoFar(
  { checks, failed, backlog }: Extract<RunEvent, { kind: 'so-far' }>,
  add: Add,
): void {
  for (const state of STATES) {
    const is = (its: (typeof STATES)[number]) => (its === state ? 1 : 0);
    for (const check of new Set(checks)) {
      add('check', { check, state }, is(failed.includes(check) ? 'failed' : 'pending'));
    }
    add('verdict', { state }, is(failed.length > 0 ? 'failed' : 'pending'));
  }
  for (const { dataset, changes, ageMs } of backlog) {
    add('backlog_changes', { dataset }, changes);
    add('age_seconds', { dataset }, seconds(ageMs));
  }
}

function setTick(
  {
    phase,
    elapsedMs,
    remainingMs,
    incidents,
    load,
    targetPerSecond,
    tables,
    lastQuery,
  }: ProgressTick,
  add: Add,
): void {
  if (phase !== null) add('phase', { phase }, 1);
  add('elapsed_seconds', {}, seconds(elapsedMs));
  add('remaining_seconds', {}, seconds(remainingMs));
  add('incidents', {}, incidents);
  add('load_target_events_per_second', {}, targetPerSecond);
  if (load !== null) {
    add('load_handed_over_events', {}, load.handedOver);
    add('load_acknowledged_events', {}, load.acknowledged);
    add('load_overdue_events', {}, load.scheduled - load.handedOver);
    add('load_behind_seconds', {}, seconds(load.behindMs));
    add('load_slip_p99_seconds', {}, seconds(load.slipP99Ms));
  }
  for (const [dataset, table] of Object.entries(tables)) {
    add('commits', { dataset }, table.commits);
    add('rows', { dataset }, table.rows);
    add('commits_unread', { dataset }, table.behind);
    if (table.staleness !== null) {
      add('staleness_p50_seconds', { dataset }, seconds(table.staleness.p50));
      add('staleness_p99_seconds', { dataset }, seconds(table.staleness.p99));
    }
    if (table.last !== null) {
      const { data, equalityDeletes, positionDeletes, dvs } = table.last.files;
      add('files', { dataset, content: 'data' }, data);
      add('files', { dataset, content: 'equality_delete' }, equalityDeletes);
      add('files', { dataset, content: 'position_delete' }, positionDeletes);
      add('files', { dataset, content: 'dv' }, dvs);
    }
  }
  if (lastQuery !== null) {
    add('query_seconds', { query: lastQuery.name }, seconds(lastQuery.ms));
    add('query_ok', { query: lastQuery.name }, lastQuery.outcome === 'ok' ? 1 : 0);
  }
}
