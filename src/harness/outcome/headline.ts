import { count, latency } from '../../core/readable.ts';
import { mainQuery } from '../../record/main-query.ts';
import type {
  CompactionRecord,
  CutShortRecord,
  Drain,
  RecordedPhase,
} from '../../record/record.ts';
import { stockOf } from '../../record/stock.ts';
import { watchedMs } from '../../record/watched.ts';

/** The part of a record that the headline uses. */
type HeadlineRecord = Pick<
  CutShortRecord,
  | 'phases'
  | 'metrics'
  | 'faults'
  | 'layout'
  | 'queries'
  | 'checks'
  | 'compactions'
  | 'drain'
  | 'pipeline'
  | 'waterfall'
>;

/**
 * A run in one sentence, from its record: staleness of the main stream at the peak, number of files, latency of
 * one query (main-query.ts), and the gain of compaction.
 */
export function headlineOf(record: HeadlineRecord): string {
  const parts = [
    stalePart(record),
    backlogPart(record),
    ...faultParts(record),
    filesPart(record),
    queryPart(record),
  ].filter((part) => part !== null);
  return parts.length === 0 ? 'nothing was measured' : parts.join('; ');
}

/** The measured phase with the highest load. */
function peakOf({ phases }: HeadlineRecord): RecordedPhase | undefined {
  return phases
    .filter(({ kind, measured }) => kind === 'load' && measured)
    .toSorted((a, b) => b.load - a.load)[0];
}

function stalePart(record: HeadlineRecord): string | null {
  const peak = peakOf(record);
  const found = record.metrics.filter(
    (metric) =>
      metric.shape === 'distribution' && metric.name === 'staleness' && metric.phase === peak?.name,
  );
  const main = found.find(({ of }) => of === stockOf(record)) ?? found[0];
  if (peak === undefined || main?.shape !== 'distribution') return null;
  const { p50, p99, max } = main.stats;
  const read = (ms: typeof p50) => latency(ms, watchedMs(record, peak));
  const worst = p99 === undefined ? `max ${read(max)}` : `p99 ${read(p99)}`;
  return `${main.of} was p50 ${read(p50)}, ${worst} stale during ${peak.name} (${peak.load}x, n ${count(main.n)})`;
}

/** Share of the arriving changes by which a backlog must grow to be named: below, a run of minutes shows no difference. */
const FALLS_BEHIND_SHARE = 0.05;

/** That the main dataset did not keep up with the load, by how much, and where its changes waited. */
function backlogPart(record: HeadlineRecord): string | null {
  const peak = peakOf(record);
  const main = stockOf(record);
  if (peak === undefined) return null;
  const found = (name: string) =>
    record.metrics.flatMap((one) =>
      one.name === name && one.phase === peak.name && one.shape === 'scalar' ? [one] : [],
    );
  const growths = found('backlog_growth');
  const growth = growths.find(({ of }) => of === main) ?? growths[0];
  const backlog = found('backlog').find(({ of }) => of === growth?.of);
  const stale = record.metrics.find(
    ({ name, of, phase }) => name === 'staleness' && of === growth?.of && phase === peak.name,
  );
  if (!growth?.interval || growth.n === 0 || growth.value === null || !stale) return null;
  const perS = (stale.n * 1_000) / (peak.endMs - peak.startMs);
  if (growth.interval.low <= 0 || growth.value < FALLS_BEHIND_SHARE * perS) return null;
  const hop = slowestHop(record, growth.of, peak.name);
  return (
    `${growth.of} did not keep up: ${count(backlog?.value ?? 0)} changes were not visible at the end of ${peak.name}, ` +
    `${count(Math.round(growth.value))} more every second of ${count(Math.round(perS))}` +
    (hop === null ? '' : `; they waited most in ${hop}`)
  );
}

/**
 * The hop in which changes waited longest beyond their wait in the first measured phase; of those that became visible.
 * null: none did.
 */
function slowestHop(record: HeadlineRecord, dataset: string | null, phase: string): string | null {
  const mine = record.waterfall.filter(({ stream }) => stream === dataset);
  const at = mine.find((one) => one.phase === phase);
  const calm = mine[0] === at ? undefined : mine[0];
  const more = (at?.hops ?? []).map(({ hop, meanMs }) => ({
    hop,
    ms: meanMs - (calm?.hops.find((one) => one.hop === hop)?.meanMs ?? 0),
  }));
  return more.toSorted((a, b) => b.ms - a.ms)[0]?.hop ?? null;
}

const ACT_TEXT = { pause: 'paused', kill: 'killed', restart: 'restarted' } as const;

function faultParts({ faults }: HeadlineRecord): string[] {
  return faults.map(({ act, server, backMs, recoveryMs }) => {
    const what = `${server} was ${ACT_TEXT[act]}`;
    if (backMs === null) return `${what} and did not come back`;
    if (recoveryMs === undefined) return `${what}, and no change happened during the outage`;
    if (recoveryMs === null) return `${what}, and age did not return below the target`;
    return recoveryMs === 0
      ? `${what}, and age was below the target by the time it was back`
      : `${what}, and age was below the target for good ${latency(recoveryMs, 0)} after it was back`;
  });
}

function filesPart({ layout, phases }: HeadlineRecord): string | null {
  const loads = phases.filter(({ kind }) => kind === 'load').map(({ name }) => name);
  const last = layout?.marks.filter(({ mark }) => mark === loads.at(-1)) ?? [];
  const files = last.reduce(
    (sum, at) => sum + at.dataFiles + at.equalityDeleteFiles + at.positionDeleteFiles,
    0,
  );
  return files === 0 ? null : `${count(files)} files had accumulated`;
}

/** Latency of the main query. */
function queryPart(record: HeadlineRecord): string | null {
  const { queries } = record;
  const compaction = record.compactions.at(-1);
  const rounds = roundsOf(record);
  const query = mainQuery(record);
  const hot = (phase: string | undefined) =>
    queries?.results.find(
      (one) => one.query === query && one.phase === phase && one.mode === 'hot',
    );
  const [before, after] = [hot(rounds[0]), hot(rounds[1])];
  if (before?.stats.p50 === undefined) return null;
  const read = (ms: number | null) => latency(ms, queries?.timeoutMs ?? 0);
  if (after?.stats.p50 === undefined) {
    return `${query} took p50 ${read(before.stats.p50)} (n ${count(before.n)})`;
  }
  return (
    `${record.compactions.length > 1 ? 'the last compaction' : 'compaction'} took ${query} from p50 ${read(before.stats.p50)} to ${read(after.stats.p50)} ` +
    `(n ${count(before.n)} and ${count(after.n)})${paidPart(compaction?.payback)}`
  );
}

/** The first two query rounds; with several compactions, those around the last one, after the one before it. */
function roundsOf(record: HeadlineRecord): readonly (string | undefined)[] {
  const { phases, compactions } = record;
  const names = (of: HeadlineRecord['phases']) =>
    of.filter(({ kind }) => kind === 'query').map(({ name }) => name);
  if (compactions.length < 2) return names(phases);
  const at = phases.findIndex(({ name }) => name === compactions.at(-1)?.phase);
  const from = phases.findIndex(({ name }) => name === compactions.at(-2)?.phase);
  return at < 0 ? [] : [names(phases.slice(from + 1, at)).at(-1), names(phases.slice(at))[0]];
}

function paidPart(payback: CompactionRecord['payback'] | undefined): string {
  if (payback?.kind === 'does not pay back') return ', which does not pay back';
  if (payback?.kind !== 'pays back') return '';
  const { rounds, interval } = payback;
  const between = interval && `${interval.low.toFixed(1)} to ${interval.high?.toFixed(1) ?? '∞'}`;
  return `, paid back after ${rounds.toFixed(1)} rounds${between ? ` (95 % ${between})` : ''}`;
}

/** Warnings about drains whose markers were not visible in time. */
export function drainWarnings(
  { opening, final }: { readonly opening: Drain | null; readonly final: Drain | null },
  phases: readonly Pick<RecordedPhase, 'name' | 'drain'>[],
): string[] {
  const warningOf = (drain: Drain | null, meaning: string) =>
    drain === null || drain.drained
      ? []
      : [`not drained within ${(drain.withinMs / 1000).toFixed(0)} s: ${meaning}`];
  return [
    ...warningOf(opening, 'at t0 the pipeline had not finished the opening stock'),
    ...phases.flatMap(({ name, drain }) =>
      warningOf(drain, `the queries of ${name} did not see everything that was due before`),
    ),
    ...warningOf(final, 'what is called lost is "not seen by then"'),
  ];
}
