import { mainQuery } from '../record/main-query.ts';
import type { CompactionRecord, RunRecord } from '../record/record.ts';
import {
  distribution,
  mainStream,
  peakPhase,
  queryPhases,
  queryResult,
  scalar,
  watchedMs,
} from './find.ts';
import { count, duration, latency, paybackText, plural, ratio, tail } from './format.ts';

/** A key number with its unit, its n and what it is compared with. */
interface Figure {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
  readonly note: string;
}

/** The five or six key numbers of a run. Numbers without data are left out. */
export function figuresOf(record: RunRecord): readonly Figure[] {
  return [
    stalenessFigure(record),
    queryFigure(record),
    ...record.compactions.flatMap((run, _, all) =>
      [filesFigure(run), paybackFigure(run)].map((found) => found && ofPhase(found, run, all)),
    ),
    truthFigure(record),
    promisesFigure(record),
    slipFigure(record),
  ].filter((figure) => figure !== null);
}

function stalenessFigure(record: RunRecord): Figure | null {
  const stream = mainStream(record);
  const phase = peakPhase(record);
  if (stream === undefined || !phase) return null;
  const metric = distribution(record, 'staleness', stream, phase.name);
  if (!metric || metric.n === 0) return null;
  const watched = watchedMs(record, phase);
  const top = tail(metric.stats);
  const floor = scalar(record, 'floor', stream, null)?.value;
  return {
    name: `Staleness of ${stream}, ${phase.name}`,
    value: latency(top.value, watched),
    unit: top.name,
    note: [
      `p50 ${latency(metric.stats.p50, watched)}`,
      ...(typeof floor === 'number' ? [`floor ${duration(floor)}`] : []),
      `n ${count(metric.n)}`,
    ].join(' · '),
  };
}

/** The main query before and after, hot. */
function queryFigure(record: RunRecord): Figure | null {
  const phases = queryPhases(record);
  const [first, last] = [phases[0], phases.at(-1)];
  const query = mainQuery(record);
  if (!first || !last || first === last || query === undefined) return null;
  const before = queryResult(record, query, first.name, 'hot');
  const after = queryResult(record, query, last.name, 'hot');
  const [from, to] = [before?.stats.p50, after?.stats.p50];
  if (!before || !after || typeof from !== 'number' || typeof to !== 'number') return null;
  return {
    name: `${query}, ${first.name} → ${last.name}`,
    value: `${duration(from)} → ${duration(to)}`,
    unit: 'p50',
    note: `hot, ${ratio(to / from)}x · n ${before.n} and ${after.n}`,
  };
}

/** Names the compaction of a figure if there are several. */
function ofPhase(
  figure: Figure,
  { phase }: CompactionRecord,
  all: readonly CompactionRecord[],
): Figure {
  return all.length === 1 ? figure : { ...figure, name: `${figure.name}, ${phase}` };
}

function filesFigure(run: CompactionRecord): Figure | null {
  if (!run.before || !run.after) return null;
  const sum = (files: typeof run.before) =>
    files.dataFiles + files.equalityDeleteFiles + files.positionDeleteFiles;
  return {
    name: `Live files of ${run.tables.join(', ')}`,
    value: `${count(sum(run.before))} → ${count(sum(run.after))}`,
    unit: 'files',
    note: `compacted by ${run.by} in ${duration(run.wallMs)} after ${duration(run.startupMs)} of start-up`,
  };
}

function paybackFigure(run: CompactionRecord): Figure | null {
  if (run.payback.kind === 'no data') return null;
  const lasts =
    typeof run.gainLastsMs === 'number' ? `gain lasts ${duration(run.gainLastsMs)} · ` : '';
  const cost = `${lasts}${run.coreSeconds === null ? 'unknown' : ratio(run.coreSeconds)} core-s spent`;
  return run.payback.kind === 'pays back'
    ? {
        name: 'Compaction pays back after',
        value: paybackText(run.payback),
        unit: 'query rounds',
        note: cost,
      }
    : { name: 'Compaction', value: 'does not pay back', unit: '', note: cost };
}

function truthFigure({ truth }: RunRecord): Figure | null {
  if (!truth) return null;
  const shown = (n: number | undefined) => (n === undefined ? '–' : count(n));
  const rows = truth.tables.reduce((sum, { expected }) => sum + expected, 0);
  return {
    name:
      truth.notSeenWithinMs === null ? 'Lost, duplicated, wrong' : 'Not seen, duplicated, wrong',
    value: [truth.lost, truth.duplicated, truth.wrong].map(shown).join(', '),
    unit: '',
    note: `of ${plural(rows, 'row')} that the SQL had to give, in ${plural(truth.tables.length, 'table')}`,
  };
}

/** Broken pickup orders at the peak, and those that would also be broken without delay. */
function promisesFigure(record: RunRecord): Figure | null {
  const peak = peakPhase(record)?.name;
  const order = record.promises?.phases.find(({ phase }) => phase === peak)?.order;
  if (!order?.broken) return null;
  return {
    name: `Pickup promises broken, ${peak}`,
    value: count(order.broken.per10k),
    unit: 'per 10,000 orders',
    note: `${count(order.stale)} stale, ${count(order.phantom)} wrong books · n ${count(order.promised)}`,
  };
}

function slipFigure(record: RunRecord): Figure | null {
  const worst = record.self?.slip
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => (tail(b.stats).value ?? Infinity) - (tail(a.stats).value ?? Infinity))[0];
  if (!worst) return null;
  const top = tail(worst.stats);
  return {
    name: 'Harness slip, worst phase',
    value: latency(top.value, 0),
    unit: top.name,
    note: `${worst.phase}, hand-over after intended send · n ${count(worst.n)}`,
  };
}
