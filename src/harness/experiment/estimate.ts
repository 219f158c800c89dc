import { QUERIES } from '../../core/metrics.ts';
import { bytes, count } from '../../core/readable.ts';
import { formatDuration } from '../../core/units.ts';
import { expectedCounts, rateAt } from '../../generators/expected/rate.ts';
import { type Scenario, STOCK } from '../../scenario/scenario.ts';
import { timedMs } from '../../scenario/timeline.ts';
import { type Datasets, datasetsOf, streamsOf } from '../../topology/manifest.ts';
import type { DiskNeeds } from '../doctor/disk-space.ts';

/** What a run will take, as far as anybody can know before it: an estimate, and no promise. */
export interface Estimate extends DiskNeeds {
  /** Messages it will send, opening stock and what goes on beneath the open phases included. */
  readonly events: number;
  /** From nothing to t0: servers, jobs, opening stock, first drain. */
  readonly startMs: number;
  readonly timedMs: number;
  /** From the end of the last phase to the record: drain, savepoints, oracles, metrics. */
  readonly endMs: number;
  /** Phases that take as long as they take. */
  readonly openPhases: readonly string[];
  /** What is asked in those of them that are query rounds; null: there is none. */
  readonly rounds: Rounds | null;
}

interface Rounds {
  readonly phases: readonly string[];
  /** Hot samples of each query in one round, and of all queries together how often one is asked in all rounds. */
  readonly samples: number;
  readonly asked: number;
  /** With every query at its budget. */
  readonly atMostMs: number;
}

/**
 * Medians of the runs of black-friday.yaml and quick.yaml on a machine of two cores, whose JVMs start from
 * kept classes; another machine has others, which is what makes this an estimate.
 */
const MEASURED = {
  serversMs: 11_000,
  /** One job is deployed after the other. */
  deployMsPerStream: 6_500,
  preloadMsPerKey: 0.5,
  /** Probes, first drain and head start, beside two commits. */
  firstDrainMs: 6_500,
  endMs: 9_000,
  endMsPerEvent: 0.2,
  /** Servers, their logs and what they unpack, before the first event. */
  idleBytes: 100 * 2 ** 20,
  /** Kafka's log 800, table files 160. */
  dataBytesPerEvent: 960,
  /** Facts 130 and their CSV 135, with the copies the oracles read. */
  factsBytesPerEvent: 340,
  /** Data, metadata and manifests that one commit to one table leaves in the bucket. */
  objectsPerCommit: 5,
  /** Of an object: its own bytes, and the blocks and folders that MinIO keeps it in. */
  bytesPerObject: 20 * 2 ** 10,
  keptBytes: 2 ** 20,
  keptBytesPerEvent: 30,
  logBytesPerSecond: 20_000,
} as const;

/** What is allowed for a phase without a length, for the disk alone: the load goes on beneath it. */
const OPEN_PHASE_MS = 90_000;

/** Estimates a run from its scenario and its pipeline, with nothing started. */
export function estimateOf(scenario: Scenario, declared: Datasets): Estimate {
  const { pipeline, phases, retail, traffic } = scenario;
  const jobs = streamsOf(declared).filter((stream) => traffic[stream] !== null).length;
  const tables = datasetsOf(declared, traffic).length;
  const openPhases = phases.filter(({ kind }) => kind !== 'load').map(({ name }) => name);
  const openMs = openPhases.length * OPEN_PHASE_MS;
  const keys = traffic[STOCK]?.preload === 'assortment' ? retail.stores * retail.assortment : 0;
  const timed = timedMs(scenario);
  const beneath = (rateAt(scenario, timed + OPEN_PHASE_MS / 2) * openMs) / 1_000;
  const inPhases = expectedCounts(scenario).reduce((sum, { messages }) => sum + messages, 0);
  const events = Math.round(keys + inPhases + beneath);

  const drainMs = MEASURED.firstDrainMs + 2 * pipeline.commitEveryMs;
  const loadedMs = keys * MEASURED.preloadMsPerKey + drainMs;
  const startMs = MEASURED.serversMs + jobs * MEASURED.deployMsPerStream + loadedMs;
  const endMs = MEASURED.endMs + pipeline.commitEveryMs / 2 + events * MEASURED.endMsPerEvent;
  const committingMs = loadedMs + timed + openMs;
  const commits = (committingMs / pipeline.commitEveryMs) * tables * pipeline.parallelism;
  return {
    events,
    startMs,
    timedMs: timed,
    endMs,
    openPhases,
    rounds: roundsOf(scenario),
    dataBytes:
      MEASURED.idleBytes +
      events * MEASURED.dataBytesPerEvent +
      commits * MEASURED.objectsPerCommit * MEASURED.bytesPerObject,
    factsBytes: events * MEASURED.factsBytesPerEvent,
    keptBytes:
      MEASURED.keptBytes +
      events * MEASURED.keptBytesPerEvent +
      ((startMs + timed + openMs + endMs) / 1_000) * MEASURED.logBytesPerSecond,
  };
}

function roundsOf({ phases, queries }: Scenario): Rounds | null {
  const names = phases.filter(({ kind }) => kind === 'query').map(({ name }) => name);
  if (names.length === 0) return null;
  const { roundSamples: samples, coldSamples, roundBudgetMs } = queries;
  const each = names.length * QUERIES.length;
  // One more warms up, and is not measured.
  const asked = each * (samples + 1 + coldSamples);
  return { phases: names, samples, asked, atMostMs: each * roundBudgetMs };
}

/** The estimate in lines, for whoever waits: what can be known, and what cannot. */
export function estimateLines(
  { events, startMs, timedMs: timed, endMs, openPhases, rounds, ...size }: Estimate,
  where: { readonly data: string | null; readonly work: string; readonly results: string },
): readonly string[] {
  const open = openPhases.length === 0 ? '' : ` plus the time of ${listed(openPhases)}`;
  return [
    `estimate  about ${roughly(startMs + timed + endMs)}${open} (${roughly(startMs)} to start, ` +
      `${formatDuration(timed)} of timed load, ${roughly(endMs)} to drain and judge)`,
    `          about ${whileItRuns(size, where)} while it runs, ${bytes(size.keptBytes)} ` +
      `for good in ${where.results} (${count(Math.round(events / 100) * 100)} events)`,
    ...(rounds === null ? [] : [roundsLine(rounds)]),
  ];
}

/** What several trials of it take on one stack, in a line. */
export function repeatLine(
  { startMs, timedMs: timed, endMs, openPhases }: Estimate,
  trials: number,
): string {
  const open = openPhases.length === 0 ? '' : `, and ${trials} times ${listed(openPhases)}`;
  const once = startMs + timed + endMs;
  return `estimate  ${trials} trials of about ${roughly(once)}: ${roughly(trials * once)}${open}`;
}

/** How long a query takes is what the run is to find out: so it is said what a second of it costs. */
function roundsLine({ phases, samples, asked, atMostMs }: Rounds): string {
  return (
    `          queries of ${listed(phases)}: ${QUERIES.length} with ${samples} samples each, ` +
    `${formatDuration(asked * 1_000)} if one takes 1s, hot ones at most ${formatDuration(atMostMs)}`
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

/** To five seconds: more would be a promise. */
function roughly(ms: number): string {
  return formatDuration(Math.max(1, Math.round(ms / 5_000)) * 5_000);
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
