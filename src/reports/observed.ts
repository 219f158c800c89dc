import type { CompactionRecord, Distribution, RunRecord } from '../record/record.ts';
import { stockOf } from '../record/stock.ts';
import { distribution, measuredPhases, scalar, streamsOf, tablesOf, watchedMs } from './find.ts';
import {
  bytes,
  count,
  duration,
  durationPair,
  inUnit,
  latency,
  moment,
  paybackText,
  plural,
  ratio,
  tail,
} from './format.ts';
import { type Cell, cell, left, right, type Section, verdictTone } from './section.ts';

/** Staleness per phase and stream: p50 / p99 with its n below, and the floor of the design. */
export function stalenessSection(record: RunRecord): Section | null {
  const streams = streamsOf(record);
  if (streams.length === 0) return null;
  const rows: Cell[][] = [];
  const notes: Cell[] = [];
  for (const phase of measuredPhases(record)) {
    const found = streams.map((stream) => distribution(record, 'staleness', stream, phase.name));
    const span = `${moment(phase.startMs)}–${moment(phase.endMs)}`;
    rows.push([
      cell(phase.name),
      cell(`${span} ${phase.load}x`),
      ...found.map((metric) =>
        metric === undefined || metric.n === 0
          ? cell('no data', 'warn')
          : cell(
              durationPair(metric.stats.p50, tail(metric.stats).value, watchedMs(record, phase)) +
                (tail(metric.stats).name === 'max' ? '*' : ''),
              metric.censored > 0 ? 'bad' : 'plain',
            ),
      ),
    ]);
    rows.push([
      cell(''),
      cell('n', 'dim'),
      ...found.map((metric) => cell(count(metric?.n ?? 0), 'dim')),
    ]);
    if (found.some((metric) => metric?.resolutionMax !== undefined)) {
      rows.push([cell(''), cell('known to ±', 'dim'), ...found.map(knownTo)]);
    }
    if (found.some((metric) => metric?.censored)) {
      rows.push([
        cell(''),
        cell('never visible', 'bad'),
        ...found.map((metric) =>
          cell(count(metric?.censored ?? 0), metric?.censored ? 'bad' : 'dim'),
        ),
      ]);
    }
    for (const metric of found) {
      if (metric?.distrust)
        notes.push(cell(`${phase.name}, ${metric.of}: ${metric.distrust}`, 'warn'));
    }
  }
  if (rows.some((row) => row.some(({ text }) => text.endsWith('*')))) {
    notes.push(cell('* maximum: too few samples for a p99', 'dim'));
  }
  const floors = streams.map((stream) => scalar(record, 'floor', stream, null)?.value);
  if (floors.some((floor) => floor !== undefined)) {
    rows.push([
      cell('floor', 'dim'),
      cell(''),
      ...floors.map((floor) => cell(latency(floor, 0), 'dim')),
    ]);
  }
  return {
    id: 'staleness',
    title: 'Staleness',
    about:
      'p50 / p99 from the moment a change happened to the first moment a reader could return it. A phase owns the events due in it; ≥ is how long those never visible were watched for. Floor: commit interval / 2 + commit time.',
    tables: [{ columns: [left('phase'), left('time, load'), ...streams.map(right)], rows }],
    notes,
  };
}

/** Half the interval between two polls of the catalog: its median over the rows, and where it was widest. */
function knownTo(metric: Distribution | undefined): Cell {
  const { resolution, resolutionMax } = metric ?? {};
  if (resolution === undefined || resolutionMax === undefined) return cell('', 'dim');
  return cell(`${duration(resolution)}, max ${duration(resolutionMax)}`, 'dim');
}

const HOP_NAMES: Readonly<Record<string, string>> = {
  transport: 'transport',
  slip: 'slip',
  produce: 'produce',
  broker_to_flink: 'broker→Flink',
  flink_to_snapshot: 'Flink→snapshot',
  snapshot_to_visible: '→visible',
};

/** The name of a hop as it is printed. */
export function hopName(hop: string): string {
  return HOP_NAMES[hop] ?? hop;
}

/** Mean per hop: where the time went. */
export function waterfallSection(record: RunRecord): Section | null {
  if (record.waterfall.length === 0) return null;
  const hops = record.waterfall[0]?.hops.map(({ hop }) => hop) ?? [];
  const rows = record.waterfall.map((row) => [
    cell(row.phase),
    cell(row.stream),
    cell(count(row.n), 'dim'),
    cell(row.n === 0 ? 'no data' : duration(row.meanMs), row.n === 0 ? 'warn' : 'plain'),
    ...hops.map((hop) => {
      const found = row.hops.find((other) => other.hop === hop);
      if (!found || row.n === 0) return cell('–', 'dim');
      const negatives = found.negatives > 0 ? ` (${count(found.negatives)}<0)` : '';
      return cell(duration(found.meanMs) + negatives, negatives ? 'warn' : 'plain');
    }),
  ]);
  return {
    id: 'waterfall',
    title: 'Where the time went',
    about:
      'Mean per hop over the same rows, so the hops add up to the mean; percentiles would not. “(3<0)” counts rows whose hop is negative, because two stamps are not that exact: they are kept, not clipped. Flink→snapshot holds the wait for the commit.',
    tables: [
      {
        columns: [
          left('phase'),
          left('stream'),
          right('n'),
          right('mean'),
          ...hops.map((hop) => right(hopName(hop))),
        ],
        rows,
      },
    ],
    notes: [],
  };
}

/** CPU time of the engine, if its process was visible. */
function used({ coreSeconds, startupCoreSeconds }: CompactionRecord): string {
  if (coreSeconds === null || startupCoreSeconds === null) return 'its core-seconds are unknown';
  return `${ratio(coreSeconds)} core-seconds from start to commit, and ${ratio(startupCoreSeconds)} for starting the engine`;
}

/** Cost and gain of each compaction. */
export function compactionSections(record: RunRecord): readonly Section[] {
  const runs = record.compactions;
  return runs.map((run, i) => {
    const section = compactionSection(record, run);
    if (runs.length === 1) return section;
    const id = i === 0 ? section.id : `${section.id}-${i + 1}`;
    return { ...section, id, title: `${section.title}: ${run.phase}` };
  });
}

function compactionSection(record: RunRecord, run: CompactionRecord): Section {
  type Totals = NonNullable<CompactionRecord['before']>;
  const counted = (of: (totals: Totals) => number, text: (value: number) => string) =>
    [run.before, run.after].map((totals) =>
      totals === undefined ? cell('no data', 'warn') : cell(text(of(totals))),
    );
  const rows = [
    [cell('data files'), ...counted((totals) => totals.dataFiles, count)],
    [cell('equality-delete files'), ...counted((totals) => totals.equalityDeleteFiles, count)],
    [cell('position-delete files'), ...counted((totals) => totals.positionDeleteFiles, count)],
    [cell('bytes'), ...counted((totals) => totals.bytes, bytes)],
    ...(run.roundBefore === undefined || run.roundAfter === undefined
      ? []
      : [
          [
            cell('core-seconds per query round'),
            cell(`${ratio(run.roundBefore)} core-s`),
            cell(`${ratio(run.roundAfter)} core-s`),
          ],
        ]),
  ];
  const main = run.staleness.find(({ stream }) => stream === stockOf(record)) ?? run.staleness[0];
  return {
    id: 'compaction',
    title: `${run.actions === undefined ? 'Compaction' : 'Maintenance'} by ${run.by}`,
    about: `${run.tables.join(', ')}: ${duration(run.wallMs)} of work after ${duration(run.startupMs)} of start-up; ${used(run)}.`,
    tables: [{ columns: [left(run.tables.join(', ')), right('before'), right('after')], rows }],
    notes: [
      ...(run.outcome === 'failed'
        ? [cell(`failed: ${run.error ?? 'no reason given'}`, 'bad')]
        : []),
      ...maintainedCells(run),
      ...trafficCells(run),
      paybackCell(run),
      ...(main && main.n > 0
        ? [
            cell(
              `while it ran: staleness(${main.stream}) ${durationPair(main.stats.p50, tail(main.stats).value, 0)} (p50 / ${tail(main.stats).name}, n ${count(main.n)})${queriesMeanwhile(record, run)}`,
              'dim',
            ),
          ]
        : []),
    ],
  };
}

/** What maintenance did besides the rewrite of files. */
function maintainedCells(run: CompactionRecord): Cell[] {
  const { actions, rewrittenManifests = 0, expiredFiles = 0 } = run;
  const { removedOrphans = 0, removedOrphanBytes = 0 } = run;
  if (actions === undefined || run.outcome === 'failed') return [];
  const done = [
    ...(actions.includes('manifests')
      ? [`${plural(rewrittenManifests, 'manifest')} rewritten`]
      : []),
    ...(actions.includes('orphans')
      ? [`${plural(removedOrphans, 'orphan file')} removed (${bytes(removedOrphanBytes)})`]
      : []),
    ...(actions.includes('expire')
      ? [`${plural(expiredFiles, 'file')} of expired snapshots deleted`]
      : []),
  ];
  return [cell([actions.join(', '), ...done].join('; '))];
}

function trafficCells({ s3, s3Before, wallMs }: CompactionRecord): Cell[] {
  if (!s3) return [];
  const before = s3Before ? `, ${count(s3Before.requests)} in as long before it` : '';
  return [
    cell(
      `S3, the load's included: ${plural(s3.requests, 'request')} in ${duration(wallMs)}${before}; ${bytes(s3.bytesOut)} read, ${bytes(s3.bytesIn)} written`,
    ),
  ];
}

function queriesMeanwhile(record: RunRecord, run: CompactionRecord): string {
  const slowest = run.queries
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => (b.stats.max ?? Infinity) - (a.stats.max ?? Infinity))[0];
  if (!slowest) return '';
  return `, slowest query ${slowest.query} ${latency(slowest.stats.max, record.queries?.timeoutMs ?? 0)} (max, n ${slowest.n})`;
}

/** Number of query rounds until the compaction has paid back, and how long the gain lasts. */
function paybackCell(run: CompactionRecord): Cell {
  const lasts =
    run.gainLastsMs === undefined
      ? ''
      : run.gainLastsMs === null
        ? '; no measurable growth reduces the gain'
        : `; at the measured growth the gain lasts ${duration(run.gainLastsMs)}${lastsBetween(run)}`;
  if (run.payback.kind === 'pays back') {
    return cell(`pays back after ${paybackText(run.payback)} query rounds${lasts}`, 'good');
  }
  if (run.payback.kind === 'no data')
    return cell(`payback: no data — ${run.payback.reason}`, 'warn');
  return cell(`does not pay back: a query round costs no less than before${lasts}`, 'bad');
}

function lastsBetween({ gainLastsInterval: found }: CompactionRecord): string {
  if (found === undefined) return '';
  return ` [${duration(found.low)}–${duration(found.high)}, 95 %, n ${count(found.n)}]`;
}

/** Live files per table at the marks of the run. */
export function filesSection(record: RunRecord): Section | null {
  // The files before a compaction are printed next to those after it.
  const marks = [...new Set(record.layout?.marks.map(({ mark }) => mark))].filter(
    (mark) => !mark.endsWith(':start'),
  );
  if (!record.layout || marks.length === 0) return null;
  const rows = tablesOf(record).map((table) => [
    cell(table),
    ...marks.map((mark) => {
      const found = record.layout?.marks.find((row) => row.mark === mark && row.table === table);
      if (!found) return cell('–', 'dim');
      const deletes = [found.equalityDeleteFiles, found.positionDeleteFiles];
      const all = deletes.some((n) => n > 0) ? [found.dataFiles, ...deletes] : [found.dataFiles];
      return cell(all.map(count).join('+'));
    }),
  ]);
  const { bucket } = record.layout;
  return {
    id: 'files',
    title: 'Live files',
    about:
      'At the end of each phase: data files, + equality-delete files + position-delete files (deletion vectors included) where there are any.',
    tables: [
      {
        columns: [left('table'), ...marks.map((mark) => right(mark.replace(/^end of /, '')))],
        rows,
      },
    ],
    notes: bucket
      ? [
          cell(
            `bucket at the end: ${plural(bucket.objects, 'object')}, ${bytes(bucket.bytes)}; ${plural(bucket.orphans, 'orphan')}${bucket.orphans > 0 ? ` of ${bytes(bucket.orphanBytes)}` : ''}`,
            bucket.orphans > 0 ? 'warn' : 'dim',
          ),
        ]
      : [],
  };
}

/** The scenario's checks, each with what was measured. */
export function checkSection(record: RunRecord): Section | null {
  if (record.checks.length === 0) return null;
  return {
    id: 'checks',
    title: 'Checks',
    about:
      'What the scenario demands, and what was measured. In brackets the 95 % interval of an estimate: the check is decided only when all of it is on one side of the limit.',
    tables: [
      {
        columns: [left('verdict'), left('check'), right('measured'), right('n')],
        rows: record.checks.map((check) => [
          verdictTone(check.verdict),
          cell(check.text),
          cell(measuredText(check)),
          cell(count(check.n), 'dim'),
        ]),
      },
    ],
    notes: record.checks.flatMap(({ text, reason, verdict }) =>
      reason ? [cell(`${text}: ${reason}`, verdictTone(verdict).tone)] : [],
    ),
  };
}

function measuredText(check: RunRecord['checks'][number]): string {
  const interval = shownInterval(check);
  return interval === null ? measuredValue(check) : `${measuredValue(check)} [${interval}]`;
}

/** The measured value of a check, in its unit. */
export function measuredValue({ measured, unit }: RunRecord['checks'][number]): string {
  return inUnit(measured, unit);
}

/** The 95 % interval that decided a check; null if the number is exact. */
export function shownInterval({ unit, interval }: RunRecord['checks'][number]): string | null {
  if (interval === undefined) return null;
  const high = interval.high === null ? '∞' : inUnit(interval.high, unit);
  return `${inUnit(interval.low, unit)}–${high}`;
}
