import type { MaintenanceRecord, RunRecord } from '../record/record.ts';
import { stockOf } from '../record/stock.ts';
import {
  bytes,
  count,
  duration,
  durationPair,
  latency,
  moment,
  paybackText,
  plural,
  ratio,
  tail,
} from './format.ts';
import { type Cell, cell, left, right, type Section } from './section.ts';

type Run = MaintenanceRecord['runs'][number];

/** Each run of maintenance that a trigger started; null: the scenario has no trigger. */
export function maintenanceSection(record: RunRecord): Section | null {
  const { maintenance } = record;
  if (maintenance === undefined) return null;
  return {
    id: 'maintenance',
    title: 'Maintenance while the load ran',
    about: `${waited(maintenance)} Staleness is that of events due, and the slowest query one intended, while the engine was at work.`,
    tables: [
      {
        columns: [
          right('at'),
          left('phase'),
          left('because of'),
          left('actions'),
          right('took'),
          right('core-s'),
          right('data files'),
          right('deletes gone'),
          right('expired'),
          right('orphans'),
        ],
        rows: maintenance.runs.map(runCells),
      },
      ...(maintenance.runs.length === 0 ? [] : [effects(record, maintenance.runs)]),
      ...stepTable(maintenance.runs),
    ],
    notes: maintenance.runs.flatMap((run, i) => notesOf(run, i + 1)),
  };
}

/** Iceberg lists every file of a conflict; the record has all of it. */
const shown = (error: string) => (error.length > 300 ? `${error.slice(0, 300)} …` : error);

/** One line of the terminal; null: no trigger. */
export function maintenanceCell({ maintenance }: RunRecord): Cell | null {
  if (maintenance === undefined) return null;
  const { runs } = maintenance;
  const failed = runs.filter(({ outcome }) => outcome === 'failed').length;
  const sum = (of: (run: Run) => number) => runs.reduce((total, run) => total + of(run), 0);
  const gone = sum((run) => run.removedDeleteFiles ?? Number.NaN);
  const cost = runs.some(({ coreSeconds }) => coreSeconds === null)
    ? ''
    : `, ${ratio(sum((run) => (run.coreSeconds ?? 0) + (run.startupCoreSeconds ?? 0)))} core-s`;
  return cell(
    `${plural(runs.length, 'run')}${failed > 0 ? `, ${failed} failed` : ''}: ` +
      `${count(sum((run) => run.rewrittenFiles))} data files into ${count(sum((run) => run.addedFiles))}, ` +
      `${Number.isNaN(gone) ? 'unknown' : count(gone)} delete files gone${cost}`,
    failed > 0 ? 'bad' : 'plain',
  );
}

function waited({ runs, waitedMs }: MaintenanceRecord): string {
  const waits = [
    ...(waitedMs.phase > 0 ? [`${duration(waitedMs.phase)} because of the phase`] : []),
    ...(waitedMs.queries > 0 ? [`${duration(waitedMs.queries)} because queries ran`] : []),
  ];
  const began = runs.length === 0 ? 'It never began.' : `It began ${plural(runs.length, 'time')}.`;
  return waits.length === 0 ? began : `${began} It was due and waited ${waits.join(' and ')}.`;
}

function notesOf(run: Run, n: number): Cell[] {
  if (run.outcome === 'failed') {
    return [cell(`run ${n} failed: ${shown(run.error ?? 'no reason given')}`, 'bad')];
  }
  return [
    ...(run.payback?.kind === 'no data'
      ? [cell(`run ${n}, payback: no data — ${run.payback.reason}`, 'warn')]
      : []),
    ...(run.lacking ?? []).map((text) => cell(`run ${n}, ${text}`, 'warn')),
  ];
}

/** What went on meanwhile, and what it was worth. */
function effects(record: RunRecord, runs: readonly Run[]): Section['tables'][number] {
  return {
    columns: [
      right('at'),
      right('files before → after'),
      right('read → written'),
      right('S3 requests'),
      right('before it'),
      right('staleness'),
      right('slowest query'),
      right('pays back after'),
      right('gain lasts'),
    ],
    rows: runs.map((run) => [
      cell(moment(run.startMs)),
      cell([run.before, run.after].map(filesText).join(' → ')),
      run.writtenBytes === undefined
        ? cell('–', 'dim')
        : cell(`${bytes(run.rewrittenBytes)} → ${bytes(run.writtenBytes)}`),
      requests(run.s3),
      requests(run.s3Before),
      ...whileItRan(record, run),
      paybackCell(run),
      run.gainLastsMs === undefined
        ? cell('–', 'dim')
        : cell(run.gainLastsMs === null ? 'no measurable growth' : duration(run.gainLastsMs)),
    ]),
  };
}

/** The actions of each run; empty for records of before they had a time of their own. */
function stepTable(runs: readonly Run[]): Section['tables'] {
  const rows = runs.flatMap(({ steps = [] }) =>
    steps.map((step) => [
      cell(moment(step.startMs)),
      cell(step.action),
      cell(duration(step.endMs - step.startMs)),
      step.coreSeconds === null ? cell('no data', 'warn') : cell(ratio(step.coreSeconds)),
      cell([step.before, step.after].map(filesText).join(' → ')),
      requests(step.s3),
    ]),
  );
  if (rows.length === 0) return [];
  const columns = [right('at'), left('action'), right('took'), right('core-s')];
  return [{ columns: [...columns, right('files before → after'), right('S3 requests')], rows }];
}

const filesText = (totals: Run['before']) =>
  totals === undefined
    ? '–'
    : count(totals.dataFiles + totals.equalityDeleteFiles + totals.positionDeleteFiles);

function requests(traffic: Run['s3']): Cell {
  if (traffic === undefined) return cell('–', 'dim');
  return traffic === null ? cell('no data', 'warn') : cell(count(traffic.requests));
}

function paybackCell({ payback }: Run): Cell {
  if (payback === undefined) return cell('–', 'dim');
  if (payback.kind === 'pays back') return cell(`${paybackText(payback)} rounds`, 'good');
  return payback.kind === 'no data' ? cell('no data', 'warn') : cell('never', 'bad');
}

function runCells(run: Run): Cell[] {
  const { startupCoreSeconds, coreSeconds } = run;
  return [
    cell(moment(run.startMs)),
    cell(run.phase),
    cell(run.trigger),
    cell(run.actions.join(', ')),
    cell(`${duration(run.wallMs)} + ${duration(run.startupMs)} start`),
    cell(
      coreSeconds === null || startupCoreSeconds === null
        ? 'no data'
        : `${ratio(coreSeconds)} + ${ratio(startupCoreSeconds)}`,
    ),
    run.outcome === 'failed'
      ? cell('failed', 'bad')
      : cell(`${count(run.rewrittenFiles)} → ${count(run.addedFiles)}`),
    cell(run.removedDeleteFiles === null ? 'no data' : count(run.removedDeleteFiles)),
    cell(run.actions.includes('expire') ? count(run.expiredFiles) : '–', 'dim'),
    cell(run.actions.includes('orphans') ? count(run.removedOrphans ?? 0) : '–', 'dim'),
  ];
}

function whileItRan(record: RunRecord, run: Run): Cell[] {
  const main = run.staleness.find(({ stream }) => stream === stockOf(record)) ?? run.staleness[0];
  const slowest = run.queries
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => (b.stats.max ?? Infinity) - (a.stats.max ?? Infinity))[0];
  return [
    main === undefined || main.n === 0
      ? cell('no data', 'warn')
      : cell(
          `${durationPair(main.stats.p50, tail(main.stats).value, 0)} (n ${count(main.n)})`,
          main.censored > 0 ? 'bad' : 'plain',
        ),
    slowest === undefined
      ? cell('no data', 'warn')
      : cell(`${slowest.query} ${latency(slowest.stats.max, record.queries?.timeoutMs ?? 0)}`),
  ];
}
