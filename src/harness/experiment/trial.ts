import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { createRunFolder } from '../../record/folder.ts';
import { type Journal, openJournal } from '../../record/journal.ts';
import type { MeasuredEnd, RunEnd, RunRecord, UnmeasuredRecord } from '../../record/record.ts';
import { writeRecord } from '../../record/write.ts';
import { timedMs } from '../../scenario/timeline.ts';
import { foldersOf, requireDiskSpace, requireWritable } from '../doctor/disk-space.ts';
import { Faults } from '../faults.ts';
import { brokenOff, writeLast } from '../outcome/outcome.ts';
import { compactionOf } from '../pipelines/compact.ts';
import { type Pipeline, pipelineFor, placed } from '../pipelines/load.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import { placeOf } from '../shared-stack.ts';
import { defaultRegistryDir, otherOwners, sweepLeftovers, sweptLines } from '../stack/registry.ts';
import { dataDirOf, meetingOf } from './chosen-stack.ts';
import { type Estimate, estimateLines, estimateOf } from './estimate.ts';
import { firstRecord } from './first-record.ts';
import { runOnStack } from './run-on-stack.ts';
import { refuseUnusedServers } from './servers-used.ts';
import { makeShare } from './share.ts';
import type { LabContext, RunContext, Trial, TrialOptions } from './trial-context.ts';
import { TrialState } from './trial-state.ts';

/** A trial's record, and its folder. */
export interface TrialResult {
  readonly record: RunRecord;
  readonly dir: string;
}

/**
 * One trial, from nothing to its record. It never throws what went wrong with the trial: that is in the
 * record, as its outcome. It throws what kept it from having a record at all (exit 2).
 */
export async function runTrial(lab: LabContext, trial: Trial): Promise<TrialResult> {
  const { chosen } = lab;
  const { parsed, resultsDir, shard } = trial;
  const { scenario } = parsed;
  const prepared = await prepare(lab, trial);
  const { pipeline } = prepared;
  const folder = createRunFolder(resultsDir, scenario.name, lab.clock.nowMs());
  const place = placeOf(chosen, pipeline, folder, shard);
  const given = { ...trial, artifacts: lab.artifacts, clock: lab.clock };
  await using coordinator = await meetingOf(given, chosen, place).catch((error: unknown) => {
    // There will be no record of what has never begun.
    rmSync(folder.dir, { recursive: true });
    throw error;
  });
  // From here on all shards go by one clock.
  const options: TrialOptions = { ...given, clock: coordinator?.clock ?? lab.clock };
  const { clock } = options;
  const startedMs = clock.nowMs();
  using ending = endingOf(trial.signal);
  const { signal, fail } = ending;
  using journal = openJournal(folder.dir, clock, fail);
  const first = firstRecord(options, { pipeline, place, chosen, folder, startedMs });
  writeRecord(folder.dir, first);
  const context: RunContext = {
    ...{ options, scenario, chosen, coordinator, folder, journal, signal, fail },
    pipeline: placed(pipeline, place),
    state: new TrialState((text) => {
      journal.note('step', { text });
      options.onEvent({ kind: 'step', text });
    }),
    faults: new Faults(scenario, clock),
  };
  announce(context, prepared);
  const end = await endOf(context, first);
  const record: RunRecord = { ...first, ...end, tookMs: clock.nowMs() - startedMs };
  writeLast(folder.dir, record);
  journal.note('run-end', { outcome: record.outcome, verdict: record.verdict });
  return { record, dir: folder.dir };
}

/** What is known of a trial before it has a folder. */
interface Prepared {
  readonly pipeline: Pipeline;
  readonly estimate: Estimate;
  /** The folder that the servers fill; null where they are not of this machine. */
  readonly dataDir: string | null;
  /** What killed runs had left behind, and is gone now. */
  readonly leftovers: readonly string[];
}

/** Throws DoorbusterError (exit 2) for a trial that cannot be run here. */
async function prepare(lab: LabContext, trial: Trial): Promise<Prepared> {
  const { parsed, baseDir, resultsDir, reproduce, onEvent } = trial;
  const pipeline = pipelineFor(parsed, baseDir);
  compactionOf(pipeline, parsed.scenario);
  refuseUnusedServers(parsed, pipeline);
  // First of all: what a killed run has left takes space on the disk, and cores.
  const leftovers = sweptLines(await sweepLeftovers(lab.clock));
  for (const text of leftovers) onEvent({ kind: 'warning', text });
  requireWritable([resultsDir, temporaryDir(), defaultRegistryDir()]);
  const estimate = estimateOf(parsed.scenario, pipeline.manifest);
  const dataDir = await dataDirOf(lab.chosen);
  requireDiskSpace(estimate, foldersOf(resultsDir, dataDir), reproduce);
  return { pipeline, estimate, dataDir, leftovers };
}

/** What ends a trial early: the user's wish to stop, until disposed, or `fail`. */
function endingOf(
  wish: AbortSignal,
): Disposable & { readonly signal: AbortSignal; readonly fail: (cause: unknown) => void } {
  const over = new AbortController();
  // Servers, jobs, probes and the load all end by it: that many listeners are no leak.
  setMaxListeners(0, over.signal);
  const onInterrupt = () => over.abort(wish.reason);
  wish.addEventListener('abort', onInterrupt, { once: true });
  if (wish.aborted) onInterrupt();
  return {
    signal: over.signal,
    fail: (cause) => over.abort(cause),
    [Symbol.dispose]: () => wish.removeEventListener('abort', onInterrupt),
  };
}

/** Notes that the trial begins, and shows its plan. */
function announce(context: RunContext, { estimate, dataDir, leftovers }: Prepared): void {
  const { scenario, pipeline, folder, journal, options } = context;
  const { name, seed, retail } = scenario;
  journal.note('run-begin', {
    ...{ id: folder.id, scenario: name, seed, leftovers },
    otherRuns: otherOwners(),
  });
  const places = { data: dataDir, work: temporaryDir(), results: options.resultsDir };
  options.onEvent({
    kind: 'plan',
    folder: folder.dir,
    timedMs: timedMs(scenario),
    line: [
      `${name}: ${retail.stores} stores on ${pipeline.manifest.name}`,
      ...estimateLines(estimate, places),
    ].join('\n'),
  });
}

/** The parts of the record that say how the trial ended, and what it measured. */
async function endOf(context: RunContext, first: UnmeasuredRecord): Promise<RunEnd> {
  const { signal, journal, coordinator, options } = context;
  let judged: MeasuredEnd | null = null;
  try {
    return await runRole(context, first, (part) => {
      judged = part;
    });
  } catch (error) {
    const cause = signal.aborted ? signal.reason : error;
    const end = brokenOff({ judged }, { error, cause }, options.signal);
    // What went wrong after a run was cut short is not why it was, and is not to be lost either.
    if (end.outcome === 'crashed' || error !== cause) noteCrash(journal, error);
    if (coordinator !== null && coordinator.shard.share.index > 0) {
      await coordinator.leave(end.headline.text);
    }
    return end;
  }
}

function noteCrash(journal: Journal, error: unknown): void {
  journal.note('crash', { stack: (error as Error).stack });
}

/**
 * The leader of a load, or a trial that makes all of it, observes the servers; the other shards make their share.
 * `onJudged` gets what was measured and judged: nothing that goes wrong from then on takes it away.
 */
function runRole(
  context: RunContext,
  first: UnmeasuredRecord,
  onJudged: (part: MeasuredEnd) => void,
): Promise<RunEnd> {
  const { coordinator, chosen, options } = context;
  if (coordinator === null || coordinator.shard.share.index === 0 || chosen.kind === 'own') {
    return runOnStack(context, first, onJudged);
  }
  return makeShare(context, { coordinator, stack: chosen.on.stack, hash: options.parsed.hash });
}
