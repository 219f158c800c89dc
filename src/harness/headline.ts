import { count, latency } from '../core/readable.ts';
import type { Drain, RecordedPhase, RunRecord } from '../record/record.ts';
import { watchedMs } from '../record/watched.ts';

/**
 * The story of a run in one sentence, from its record: how stale the main stream was at the peak, how many
 * files that left, what it did to the slowest query, and what compaction was worth.
 */
export function headlineOf(record: RunRecord): string {
  const parts = [
    stalePart(record),
    ...faultParts(record),
    filesPart(record),
    queryPart(record),
  ].filter((part) => part !== null);
  return parts.length === 0 ? 'nothing was measured' : parts.join('; ');
}

function stalePart(record: RunRecord): string | null {
  const peak = record.phases
    .filter(({ kind, measured }) => kind === 'load' && measured)
    .toSorted((a, b) => b.load - a.load)[0];
  const found = record.metrics.filter(
    (metric) =>
      metric.shape === 'distribution' && metric.name === 'staleness' && metric.phase === peak?.name,
  );
  const main = found.find(({ of }) => of === 'inventory') ?? found[0];
  if (peak === undefined || main?.shape !== 'distribution') return null;
  const { p50, p99, max } = main.stats;
  const read = (ms: typeof p50) => latency(ms, watchedMs(record, peak));
  const worst = p99 === undefined ? `max ${read(max)}` : `p99 ${read(p99)}`;
  return `${main.of} was p50 ${read(p50)}, ${worst} stale during ${peak.name} (${peak.load}x, n ${count(main.n)})`;
}

const TAKEN = { pause: 'paused', kill: 'killed', restart: 'restarted' } as const;

function faultParts({ faults = [] }: RunRecord): string[] {
  return faults.map(({ act, server, recoveryMs }) => {
    const what = `${server} was ${TAKEN[act]}`;
    if (recoveryMs === undefined) return `${what} and never came back`;
    if (recoveryMs === null) return `${what}, and age was not below the target again`;
    return recoveryMs === 0
      ? `${what}, and age was below the target by the time it was back`
      : `${what}, and age was below the target for good ${latency(recoveryMs, 0)} after it was back`;
  });
}

function filesPart({ layout, phases }: RunRecord): string | null {
  const loads = phases.filter(({ kind }) => kind === 'load').map(({ name }) => name);
  const last = layout?.marks.filter(({ mark }) => mark === loads.at(-1)) ?? [];
  const files = last.reduce(
    (sum, at) => sum + at.dataFiles + at.equalityDeleteFiles + at.positionDeleteFiles,
    0,
  );
  return files === 0 ? null : `${count(files)} files had piled up`;
}

/** The query that was slowest before, and what became of it after. */
function queryPart({ queries, phases, compaction }: RunRecord): string | null {
  const rounds = phases.filter(({ kind }) => kind === 'query').map(({ name }) => name);
  const median = (query: string, phase: string | undefined) =>
    queries?.results.find(
      (result) => result.query === query && result.phase === phase && result.mode === 'hot',
    )?.stats.p50;
  const names = [...new Set(queries?.results.map(({ query }) => query))];
  // A median that never came is slower than any that did.
  const slowest = names
    .map((query) => ({ query, before: median(query, rounds[0]) }))
    .filter((one): one is { query: string; before: number | null } => one.before !== undefined)
    .toSorted((a, b) => slowness(b.before) - slowness(a.before))[0];
  if (slowest === undefined) return null;
  const read = (ms: number | null) => latency(ms, queries?.timeoutMs ?? 0);
  const after = median(slowest.query, rounds[1]);
  if (rounds[1] === undefined || after === undefined) {
    return `${slowest.query} took ${read(slowest.before)}`;
  }
  const paid =
    compaction?.payback.kind === 'pays back'
      ? `, paid back after ${compaction.payback.rounds.toFixed(1)} rounds`
      : compaction?.payback.kind === 'does not pay back'
        ? ', which does not pay back'
        : '';
  return `compaction took ${slowest.query} from ${read(slowest.before)} to ${read(after)}${paid}`;
}

function slowness(ms: number | null): number {
  return ms ?? Number.POSITIVE_INFINITY;
}

/** What a reader must know of drains whose markers did not show in time. */
export function drainWarnings(
  { opening, final }: { readonly opening: Drain | null; readonly final: Drain | null },
  phases: readonly Pick<RecordedPhase, 'name' | 'drain'>[],
): string[] {
  const told = (drain: Drain | null, meaning: string) =>
    drain === null || drain.drained
      ? []
      : [`not drained within ${(drain.withinMs / 1000).toFixed(0)} s: ${meaning}`];
  return [
    ...told(opening, 'at t0 the pipeline was still behind with the opening stock'),
    ...phases.flatMap(({ name, drain }) =>
      told(drain, `the queries of ${name} did not see everything that was due before`),
    ),
    ...told(final, 'what is called lost is "not seen by then"'),
  ];
}
