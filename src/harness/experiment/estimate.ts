import { QUERIES } from '../../core/metrics.ts';
import { bytes, count } from '../../core/readable.ts';
import { formatDuration } from '../../core/units.ts';
import { expectedCounts, rateAt } from '../../generators/expected/rate.ts';
import { type Scenario, STOCK } from '../../scenario/scenario.ts';
import { timedMs } from '../../scenario/timeline.ts';
import { type Datasets, datasetsOf, streamsOf } from '../../topology/manifest.ts';
import type { DiskNeeds } from '../doctor/disk-space.ts';
import { SPARK_WITHIN_MS } from '../engines/spark-exports.ts';
import { DUCKDB_WITHIN_MS, duckdbDeletesMs, type Extent, isTooSlow } from '../truth/read-tables.ts';

/** Estimate of the duration and the disk use of a run. */
export interface Estimate extends DiskNeeds {
  /** Messages to send, including the opening stock and the load during open phases. */
  readonly events: number;
  /** From the start to t0: servers, jobs, opening stock, first drain. */
  readonly startMs: number;
  /** The duration of a later trial on the same stack, without the phases that have no fixed length. */
  readonly laterMs: number;
  readonly timedMs: number;
  /** From the end of the last phase to the record: drain, savepoints, oracles, metrics. */
  readonly endMs: number;
  /** Phases without a fixed length. */
  readonly openPhases: readonly string[];
  /** The query rounds among them; null: there is none. */
  readonly rounds: Rounds | null;
  /** The tables with equality deletes, which the oracles read. */
  readonly upserted: readonly (Extent & { readonly table: string })[];
}

interface Rounds {
  readonly phases: readonly string[];
  /** Hot samples of each query in one round, and executions of all queries in all rounds. */
  readonly samples: number;
  readonly executions: number;
  /** Duration if every query uses up its time budget. */
  readonly atMostMs: number;
}

/**
 * Medians of runs of black-friday.yaml and quick.yaml on a machine with two cores, whose JVMs start from class
 * archives. Other machines differ.
 */
const MEDIANS = {
  serversMs: 11_000,
  /** Jobs are deployed one after the other. */
  deployMsPerStream: 6_500,
  preloadMsPerKey: 0.5,
  /** Opening stock inserted in bulk: 1,000,000 rows in 4.9 s, facts included, in 5.7 MB of data files. */
  bulkMsPerKey: 0.005,
  bulkBytesPerKey: 6,
  /** Probes, first drain and head start, without two commits. */
  firstDrainMs: 6_500,
  /** Start of the sessions that answer queries. */
  sparkMs: 12_000,
  trinoMs: 18_000,
  endMs: 9_000,
  endMsPerEvent: 0.2,
  /** Servers, their logs and unpacked files, before the first event. */
  idleBytes: 100 * 2 ** 20,
  /** 800 in Kafka's log, 160 in table files. */
  dataBytesPerEvent: 960,
  /** Facts 130 and their CSV 135, and the oracles' copies. */
  factsBytesPerEvent: 340,
  /** Objects in the bucket per commit to one table: data, metadata and manifests. */
  objectsPerCommit: 5,
  /** Its content, and MinIO's blocks and folders for it. */
  bytesPerObject: 20 * 2 ** 10,
  keptBytes: 2 ** 20,
  keptBytesPerEvent: 30,
  logBytesPerSecond: 20_000,
} as const;

/** The same of later trials on a stack, whose JVMs are warm: two trials of gate.yaml on a machine with other work. */
const LATER = {
  deployMsPerStream: 2_600,
  /** Without one commit. */
  firstDrainMs: 1_100,
  endMs: 6_000,
} as const;

/** Assumed length of a phase without a fixed length, for disk use alone: the load continues during it. */
const OPEN_PHASE_MS = 90_000;

/** Estimates a run from its scenario and its pipeline, without starting anything. */
export function estimateOf(scenario: Scenario, declared: Datasets): Estimate {
  const { pipeline, phases, retail, traffic } = scenario;
  const jobs = streamsOf(declared).filter((stream) => traffic[stream] !== null).length;
  const tables = datasetsOf(declared, traffic).filter((one) => one.visibility !== 'redis').length;
  const openPhases = phases.filter(({ kind }) => kind !== 'load').map(({ name }) => name);
  const openMs = openPhases.length * OPEN_PHASE_MS;
  const keys = traffic[STOCK]?.preload === 'assortment' ? retail.stores * retail.assortment : 0;
  const timed = timedMs(scenario);
  const beneath = (rateAt(scenario, timed + OPEN_PHASE_MS / 2) * openMs) / 1_000;
  const inPhases = expectedCounts(scenario).reduce((sum, { messages }) => sum + messages, 0);
  const events = Math.round(keys + inPhases + beneath);

  const drainMs = MEDIANS.firstDrainMs + 2 * pipeline.commitEveryMs;
  const inBulk = traffic[STOCK]?.via === 'bulk' ? keys : 0;
  const stockMs = inBulk * MEDIANS.bulkMsPerKey + (keys - inBulk) * MEDIANS.preloadMsPerKey;
  const loadedMs = stockMs + drainMs;
  const { engines = [] } = scenario.queries;
  const enginesMs =
    (engines.includes('spark') ? MEDIANS.sparkMs : 0) +
    (engines.includes('trino') ? MEDIANS.trinoMs : 0);
  const startMs = MEDIANS.serversMs + jobs * MEDIANS.deployMsPerStream + loadedMs + enginesMs;
  const judgeMs = pipeline.commitEveryMs / 2 + events * MEDIANS.endMsPerEvent;
  const endMs = MEDIANS.endMs + judgeMs;
  const laterMs =
    jobs * LATER.deployMsPerStream +
    (enginesMs + stockMs + LATER.firstDrainMs + pipeline.commitEveryMs) +
    (LATER.endMs + judgeMs);
  const committingMs = loadedMs + timed + openMs;
  const commits = (committingMs / pipeline.commitEveryMs) * tables * pipeline.parallelism;
  return {
    events,
    startMs,
    laterMs: laterMs + timed,
    timedMs: timed,
    endMs,
    openPhases,
    rounds: roundsOf(scenario),
    upserted: upsertedTables(scenario, declared),
    dataBytes:
      MEDIANS.idleBytes +
      (events - inBulk) * MEDIANS.dataBytesPerEvent +
      inBulk * MEDIANS.bulkBytesPerKey +
      commits * MEDIANS.objectsPerCommit * MEDIANS.bytesPerObject,
    factsBytes: events * MEDIANS.factsBytesPerEvent,
    keptBytes:
      MEDIANS.keptBytes +
      events * MEDIANS.keptBytesPerEvent +
      ((startMs + timed + openMs + endMs) / 1_000) * MEDIANS.logBytesPerSecond,
  };
}

/** Upper bounds, without compaction and without the load of open phases: an upsert deletes the key that it writes. */
function upsertedTables(scenario: Scenario, declared: Datasets): Estimate['upserted'] {
  const { retail, traffic } = scenario;
  const stock = traffic[STOCK];
  if (stock === null) return [];
  const possible = retail.stores * retail.assortment;
  const keys = stock.preload === 'assortment' ? possible : 0;
  const updates = expectedCounts(scenario)
    .filter(({ stream }) => stream === STOCK)
    .reduce((sum, { messages }) => sum + messages, 0);
  const extent = {
    rows: Math.round(keys || Math.min(possible, updates)),
    deletedKeys: Math.round(updates + (stock.via === 'bulk' ? 0 : keys)),
  };
  return datasetsOf(declared, traffic)
    .filter(({ semantics, visibility }) => semantics === 'upsert' && visibility === 'iceberg')
    .map(({ name: table }) => ({ table, ...extent }));
}

function roundsOf({ phases, queries }: Scenario): Rounds | null {
  const names = phases.filter(({ kind }) => kind === 'query').map(({ name }) => name);
  if (names.length === 0) return null;
  // Without a list, the first engine of the pipeline.
  const { roundSamples: samples, coldSamples, roundBudgetMs, engines = [null] } = queries;
  const each = names.length * QUERIES.length * engines.length;
  // One more is the warm-up, which is not measured.
  const executions = each * (samples + 1 + coldSamples);
  return { phases: names, samples, executions, atMostMs: each * roundBudgetMs };
}

/** The estimate as lines of text, with the parts that cannot be known. */
export function estimateLines(
  { events, startMs, timedMs: timed, endMs, openPhases, rounds, upserted, ...size }: Estimate,
  where: { readonly data: string | null; readonly work: string; readonly results: string },
): readonly string[] {
  const open = openPhases.length === 0 ? '' : ` plus the time of ${listed(openPhases)}`;
  return [
    `estimate  about ${rounded(startMs + timed + endMs)}${open} (${rounded(startMs)} to start, ` +
      `${formatDuration(timed)} of timed load, ${rounded(endMs)} to drain and judge)`,
    `          about ${whileItRuns(size, where)} while it runs, ${bytes(size.keptBytes)} ` +
      `for good in ${where.results} (${count(Math.round(events / 100) * 100)} events)`,
    ...(rounds === null ? [] : [roundsLine(rounds)]),
    ...upserted.map(oracleLine),
  ];
}

/** Which engine reads a table for the oracles, and the limit beyond which it is not judged. */
function oracleLine({ table, ...extent }: Estimate['upserted'][number]): string {
  const duckdbMs = Math.ceil(duckdbDeletesMs(extent) / 1_000) * 1_000;
  const engine = isTooSlow(extent) ? 'Spark, DuckDB would take' : 'DuckDB, in';
  return (
    `          oracles read ${table} (up to ${count(extent.rows)} rows, ${count(extent.deletedKeys)} deleted keys) ` +
    `with ${engine} up to ${formatDuration(duckdbMs)}; not judged beyond ${formatDuration(DUCKDB_WITHIN_MS)} ` +
    `of DuckDB and ${formatDuration(SPARK_WITHIN_MS)} of Spark`
  );
}

/** The known part of the duration of a trial that starts the servers, ms. */
const firstMs = ({ startMs, timedMs: timed, endMs }: Estimate) => startMs + timed + endMs;

/** The duration of several trials on one stack, as a line of text. */
export function repeatLine(estimate: Estimate, trials: number): string {
  const { laterMs, openPhases } = estimate;
  const open = openPhases.length === 0 ? '' : `, and ${trials} times ${listed(openPhases)}`;
  const total = firstMs(estimate) + (trials - 1) * laterMs;
  return `estimate  ${trials} trials of about ${rounded(laterMs)}: ${rounded(total)}${open}`;
}

/**
 * The duration of a comparison of several designs on one stack, `repeat` trials of each after one warm-up of each of the
 * designs `warmUps`, as a line of text.
 */
export function comparedLine(
  designs: readonly Estimate[],
  repeat: number,
  warmUps: readonly number[] = [],
): string {
  const later = (some: readonly Estimate[]) => some.reduce((sum, { laterMs }) => sum + laterMs, 0);
  const warmUp = later(warmUps.map((design) => designs[design] as Estimate));
  const moreAtFirst = Math.max(...designs.map((one) => firstMs(one) - one.laterMs));
  const trials = designs.length * repeat;
  const open = [...new Set(designs.flatMap(({ openPhases }) => openPhases))];
  const more = open.length === 0 ? '' : `, and the time of ${listed(open)} in each`;
  const before = ['', ' and a warm-up'][warmUps.length] ?? ` and ${warmUps.length} warm-ups`;
  const allMs = moreAtFirst + warmUp + repeat * later(designs);
  return `estimate  ${trials} trials${before}, about ${rounded(allMs)} in all${more}`;
}

/** The latency of queries is unknown before the run: the line gives the duration per second of latency. */
function roundsLine({ phases, samples, executions, atMostMs }: Rounds): string {
  return (
    `          queries of ${listed(phases)}: ${QUERIES.length} with ${samples} samples each, ` +
    `${formatDuration(executions * 1_000)} if one takes 1s, hot ones at most ${formatDuration(atMostMs)}`
  );
}

function whileItRuns(
  { dataBytes, factsBytes }: Pick<Estimate, 'dataBytes' | 'factsBytes'>,
  { data, work }: { readonly data: string | null; readonly work: string },
): string {
  if (data === work) return `${bytes(dataBytes + factsBytes)} of disk in ${work}`;
  const there = data !== null ? `in ${data}` : 'where the servers are (free space unknown),';
  return `${bytes(dataBytes)} of disk ${there} and ${bytes(factsBytes)} in ${work}`;
}

/** Rounded to five seconds, the precision of the estimate. */
function rounded(ms: number): string {
  return formatDuration(Math.max(1, Math.round(ms / 5_000)) * 5_000);
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
