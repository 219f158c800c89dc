import type { RunRecord } from '../record/record.ts';
import { STREAMS } from '../scenario/scenario.ts';
import { elapsedMs, mainStream, scalar, streamsOf, tablesOf } from './find.ts';
import { duration } from './format.ts';

/** A chart for the page's script, as plain data. x is seconds since t0 in every chart. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly unit: 'ms' | 'files' | 'events/s' | 'share' | 'bytes';
  readonly height: number;
  readonly log?: boolean;
  /** A value holds until the next one. */
  readonly stepped?: boolean;
  /** Drawn as areas on top of each other, first at the bottom. */
  readonly stacked?: boolean;
  /** Shared by charts that are to be compared. */
  readonly yMax?: number;
  readonly x: readonly number[];
  readonly xRange: readonly [number, number];
  readonly series: readonly Series[];
  readonly bands: readonly Span[];
  readonly marks: readonly Span[];
  readonly levels: readonly { readonly value: number; readonly label: string }[];
  /** Seconds with a due change that was never visible, which cannot be drawn on the axis. */
  readonly never: readonly number[];
}

interface Series {
  readonly label: string;
  /** Name of a CSS variable. */
  readonly color: string;
  readonly kind: 'line' | 'thin' | 'dots';
  readonly values: readonly (number | null)[];
  /** Fill down to the next series. */
  readonly fill?: boolean;
}

interface Span {
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

const COLORS = Array.from({ length: 9 }, (_, i) => `--c${i + 1}`);
/** Colour of the n-th line. */
export const colorOf = (index: number): string => COLORS[index % COLORS.length] as string;

/** A dataset has one colour in every chart, that of the stream of its name if there is one; another table takes the last. */
function datasetColor(record: RunRecord, name: string): string {
  const known = [STREAMS, streamsOf(record)].find((names: readonly string[]) =>
    names.includes(name),
  );
  return known === undefined ? '--c6' : colorOf(known.indexOf(name as never));
}

type Frame = Pick<Chart, 'xRange' | 'bands' | 'marks' | 'levels' | 'never'>;

/** Every chart of the report, by the section it belongs to. */
export function chartsOf(record: RunRecord): Readonly<Record<string, readonly Chart[]>> {
  const frame = frameOf(record);
  const charts = {
    staleness: stalenessCharts(record, frame),
    age: ageChart(record, frame),
    files: filesCharts(record, frame),
    trickle: trickleChart(record, frame),
    producing: producingChart(record, frame),
    health: healthCharts(record, frame),
  };
  return charts;
}

function frameOf(record: RunRecord): Frame {
  const start = record.phases.reduce((first, { startMs }) => Math.min(first, startMs), 0);
  const runs = record.compactions.filter(({ by }) => by !== 'flink');
  const away = (record.faults ?? []).map(({ act, server, startMs, backMs }) => ({
    from: startMs / 1000,
    to: (backMs ?? elapsedMs(record)) / 1000,
    label: `${server} ${act}`,
  }));
  const compactions = runs.map(({ startMs, endMs, phase }) => ({
    from: startMs / 1000,
    to: endMs / 1000,
    label: runs.length > 1 ? `compaction ${phase}` : 'compaction',
  }));
  return {
    xRange: [start / 1000, Math.max(1, elapsedMs(record) / 1000)],
    bands: record.phases.map(({ name, load, kind, startMs, endMs }) => ({
      from: startMs / 1000,
      to: endMs / 1000,
      label: kind === 'load' ? `${name} ${load}x` : name,
    })),
    marks: [...away, ...compactions],
    levels: [],
    never: [],
  };
}

function seconds({ startMs, everyMs }: { startMs: number; everyMs: number }, n: number): number[] {
  return Array.from({ length: n }, (_, i) => (startMs + i * everyMs) / 1000);
}

function stalenessCharts(record: RunRecord, frame: Frame): readonly Chart[] {
  const main = mainStream(record);
  const order = streamsOf(record).toSorted((a, b) => Number(b === main) - Number(a === main));
  const tops = record.staleness
    .filter(({ stream }) => stream !== main)
    .flatMap(({ max }) => max.filter((value) => value !== null));
  const shared = tops.length > 0 ? { yMax: tops.reduce((a, b) => Math.max(a, b)) * 1.05 } : {};
  return order.flatMap((stream) => {
    const series = record.staleness.find((one) => one.stream === stream);
    if (!series) return [];
    const x = seconds(series, series.n.length);
    const floor = scalar(record, 'floor', stream, null)?.value;
    return [
      {
        id: `staleness-${stream}`,
        title: stream,
        unit: 'ms' as const,
        height: stream === main ? 300 : 170,
        ...(stream === main ? {} : shared),
        ...frame,
        x,
        series: [
          { label: 'max', color: '--faint', kind: 'thin' as const, values: series.max },
          {
            label: 'p99',
            color: '--c1-soft',
            kind: 'line' as const,
            values: series.p99,
            fill: true,
          },
          { label: 'p50', color: '--c1', kind: 'line' as const, values: series.p50 },
        ],
        levels:
          typeof floor === 'number' ? [{ value: floor, label: `floor ${duration(floor)}` }] : [],
        never: x.filter((_, i) => (series.never[i] ?? 0) > 0),
      },
    ];
  });
}

function ageChart(record: RunRecord, frame: Frame): readonly Chart[] {
  const first = record.staleness[0];
  if (!first) return [];
  return [
    {
      id: 'age',
      title: 'oldest change not yet visible, by stream',
      unit: 'ms',
      height: 220,
      ...frame,
      levels: targetOf(record),
      // Age is measured at the end of its second.
      x: seconds({ ...first, startMs: first.startMs + first.everyMs }, first.age.length),
      series: record.staleness.map(({ stream, age }) => ({
        label: stream,
        color: datasetColor(record, stream),
        kind: 'line' as const,
        values: age,
      })),
    },
  ];
}

/** The staleness target, against which recovery is measured. */
function targetOf({ faults = [] }: RunRecord): Chart['levels'] {
  const target = faults[0]?.targetMs;
  return target === undefined ? [] : [{ value: target, label: `target ${duration(target)}` }];
}

const FILE_KINDS = [
  ['data', 'dataFiles', '--c3'],
  ['equality deletes', 'equalityDeleteFiles', '--c2'],
  ['position deletes', 'positionDeleteFiles', '--c5'],
] as const;

/** Maximum number of points of a chart over the time axis. */
const MOST_POINTS = 20_000;

/** Live files at every second: by kind over all tables, and data files of each table. */
function filesCharts(record: RunRecord, frame: Frame): readonly Chart[] {
  const commits = record.layout?.commits ?? [];
  if (commits.length === 0) return [];
  const tables = tablesOf(record);
  const [from, to] = frame.xRange;
  // A run of days has a point every few seconds, to limit the size of the page.
  const step = Math.max(1, Math.ceil((to - from) / MOST_POINTS));
  const n = Math.floor((to - from) / step) + 1;
  const x = Array.from({ length: n }, (_, i) => Math.ceil(from) + i * step);
  const live = tables.map((table) =>
    liveAt(
      commits.filter((one) => one.table === table),
      x,
    ),
  );
  const byKind = FILE_KINDS.map(([label, key, color]) => ({
    label,
    color,
    kind: 'line' as const,
    values: x.map((_, i) => live.reduce((sum, at) => sum + (at[i]?.[key] ?? 0), 0)),
  }));
  return [
    {
      id: 'files-kind',
      title: 'live files by kind, all tables',
      unit: 'files',
      height: 260,
      stacked: true,
      stepped: true,
      ...frame,
      x,
      series: byKind.filter(({ values }) => values.some((value) => value > 0)),
    },
    {
      id: 'files-table',
      title: 'live data and delete files by table',
      unit: 'files',
      stepped: true,
      height: 220,
      ...frame,
      x,
      series: tables.map((table, t) => ({
        label: table,
        color: datasetColor(record, table),
        kind: 'line' as const,
        values: x.map((_, i) => {
          const at = live[t]?.[i];
          return at ? at.dataFiles + at.equalityDeleteFiles + at.positionDeleteFiles : null;
        }),
      })),
    },
  ];
}

type Commit = NonNullable<RunRecord['layout']>['commits'][number];

/** The last of some commits by each second; undefined before the first. */
export function liveAt(
  commits: readonly Commit[],
  x: readonly number[],
): readonly (Commit | undefined)[] {
  let next = 0;
  let last: Commit | undefined;
  return x.map((second) => {
    for (let one = commits[next]; one && one.tMs <= second * 1000; one = commits[next]) {
      last = one;
      next += 1;
    }
    return last;
  });
}

function trickleChart(record: RunRecord, frame: Frame): readonly Chart[] {
  const queries = record.queries;
  if (!queries || queries.trickle.every(({ tMs }) => tMs.length === 0)) return [];
  const times = [...new Set(queries.trickle.flatMap(({ tMs }) => tMs))].sort((a, b) => a - b);
  const place = new Map(times.map((time, i) => [time, i]));
  const columns = queries.trickle.map(({ query, tMs, latencyMs, outcome }, q) => {
    const values: (number | null)[] = times.map(() => null);
    tMs.forEach((time, i) => {
      if (outcome[i] === 'ok') values[place.get(time) as number] = latencyMs[i] ?? null;
    });
    return { label: query, color: colorOf(q), kind: 'dots' as const, values };
  });
  const failed = queries.trickle.flatMap(({ tMs, outcome }) =>
    tMs.filter((_, i) => outcome[i] !== 'ok').map((time) => time / 1000),
  );
  return [
    {
      id: 'trickle',
      title: 'latency of each background query',
      unit: 'ms',
      height: 280,
      log: true,
      ...frame,
      x: times.map((time) => time / 1000),
      series: columns,
      never: failed,
    },
  ];
}

function producingChart(record: RunRecord, frame: Frame): readonly Chart[] {
  const series = record.producing?.series;
  if (!series || series.scheduled.length === 0) return [];
  const perSecond = (values: readonly number[]) =>
    values.map((value) => (value * 1000) / series.everyMs);
  return [
    {
      id: 'producing',
      title: 'events per second, all streams',
      unit: 'events/s',
      height: 200,
      ...frame,
      x: seconds(series, series.scheduled.length),
      series: [
        { label: 'scheduled', color: '--faint', kind: 'line', values: perSecond(series.scheduled) },
        {
          label: 'acknowledged',
          color: '--c1',
          kind: 'line',
          values: perSecond(series.acknowledged),
        },
      ],
    },
  ];
}

function healthCharts(record: RunRecord, frame: Frame): readonly Chart[] {
  const series = record.self?.series;
  if (!series || series.machine.length === 0) return [];
  const x = seconds(series, series.machine.length);
  return [
    {
      id: 'cpu',
      title: 'share of all cores',
      unit: 'share',
      height: 170,
      yMax: 1,
      ...frame,
      x,
      series: [
        { label: 'machine', color: '--faint', kind: 'line', values: series.machine },
        { label: 'harness', color: '--c2', kind: 'line', values: series.harness },
      ],
    },
    {
      id: 'slip',
      title: 'hand-over slip, p99 of each second',
      unit: 'ms',
      height: 170,
      ...frame,
      x,
      series: [{ label: 'slip p99', color: '--c4', kind: 'line', values: series.slipP99 }],
      levels: [{ value: 50, label: 'limit 50 ms' }],
    },
  ];
}
