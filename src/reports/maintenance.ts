import type { MaintenanceRecord, RunRecord } from '../record/record.ts';
import { stockOf } from '../record/stock.ts';
import { count, duration, durationPair, latency, moment, plural, ratio, tail } from './format.ts';
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
          right('staleness'),
          right('slowest query'),
        ],
        rows: maintenance.runs.map((run) => runCells(record, run)),
      },
    ],
    notes: maintenance.runs.flatMap((run, i) =>
      run.outcome === 'failed'
        ? [cell(`run ${i + 1} failed: ${shown(run.error ?? 'no reason given')}`, 'bad')]
        : [],
    ),
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
  const cost = runs.some(({ coreSeconds }) => coreSeconds === null)
    ? ''
    : `, ${ratio(sum((run) => (run.coreSeconds ?? 0) + (run.startupCoreSeconds ?? 0)))} core-s`;
  return cell(
    `${plural(runs.length, 'run')}${failed > 0 ? `, ${failed} failed` : ''}: ` +
      `${count(sum((run) => run.rewrittenFiles))} data files into ${count(sum((run) => run.addedFiles))}, ` +
      `${count(sum((run) => run.removedDeleteFiles))} delete files gone${cost}`,
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

function runCells(record: RunRecord, run: Run): Cell[] {
  const { startupCoreSeconds, coreSeconds } = run;
  const main = run.staleness.find(({ stream }) => stream === stockOf(record)) ?? run.staleness[0];
  const slowest = run.queries
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => (b.stats.max ?? Infinity) - (a.stats.max ?? Infinity))[0];
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
    cell(count(run.removedDeleteFiles)),
    cell(run.actions.includes('expire') ? count(run.expiredFiles) : '–', 'dim'),
    cell(run.actions.includes('orphans') ? count(run.removedOrphans ?? 0) : '–', 'dim'),
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
