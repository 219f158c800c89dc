import { setMaxListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { whenAborted } from '../../core/when-aborted.ts';
import { createRunFolder } from '../../record/folder.ts';
import { type Journal, openJournal } from '../../record/journal.ts';
import type { MeasuredEnd, RunEnd, RunRecord, UnmeasuredRecord } from '../../record/record.ts';
import { writeRecord } from '../../record/write.ts';
import { plannedFaults } from '../../scenario/planned-faults.ts';
import { timedMs } from '../../scenario/timeline.ts';
import {
  foldersOf,
  requireDiskSpace,
  requireWritable,
  withFullDisk,
} from '../doctor/disk-space.ts';
import { Faults } from '../faults.ts';
import { endOfFailed, writeFinalRecord } from '../outcome/outcome.ts';
import { compactionOf } from '../pipelines/compactions/compactions.ts';
import { inNamespace, type Pipeline, pipelineFor } from '../pipelines/load.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import { namespaceOf } from '../shared-stack.ts';
import { defaultRegistryDir, otherOwners, sweepLeftovers, sweptLines } from '../stack/registry.ts';
import { coordinatorOf, dataDirOf } from './chosen-stack.ts';
import { type Estimate, estimateLines, estimateOf } from './estimate.ts';
import { firstRecord } from './first-record.ts';
import { runOnStack } from './run-on-stack.ts';
import { refuseUnusedServers } from './servers-used.ts';
import { produceShare } from './share.ts';
import type { LabContext, RunContext, Trial, TrialOptions } from './trial-context.ts';
import { TrialState } from './trial-state.ts';

/** A trial's record, and its folder. */
export interface TrialResult {
  readonly record: RunRecord;
  readonly dir: string;
}

/**
 * Runs one trial and returns its record. A failure of the trial is the outcome in its record, not an exception. It
 * throws only if the trial can have no record at all (exit 2).
 */
export async function runTrial(lab: LabContext, trial: Trial): Promise<TrialResult> {
  const { chosen } = lab;
  const { parsed, resultsDir, shard } = trial;
  const { scenario } = parsed;
  const prepared = await prepare(lab, trial);
  const { pipeline } = prepared;
  const folder = createRunFolder(resultsDir, scenario.name, lab.clock.nowMs());
  const place = namespaceOf(chosen, pipeline, folder, shard);
  const given = { ...trial, artifacts: lab.artifacts, clock: lab.clock };
  await using coordinator = await coordinatorOf(given, chosen, place).catch((error: unknown) => {
    // The trial has not begun, so it has no record.
    rmSync(folder.dir, { recursive: true });
    throw error;
  });
  // From here on all shards use one clock.
  const options: TrialOptions = { ...given, clock: coordinator?.clock ?? lab.clock };
  const { clock } = options;
  const startedMs = clock.nowMs();
  const data = prepared.dataDir === null ? [] : [prepared.dataDir];
  using ending = endSignal(trial.signal, [...data, temporaryDir(), resultsDir]);
  const { signal, fail } = ending;
  using journal = openJournal(folder.dir, clock, fail);
  const first = firstRecord(options, { pipeline, place, chosen, folder, startedMs });
  writeRecord(folder.dir, first);
  const context: RunContext = {
    ...{ options, scenario, chosen, coordinator, folder, journal, signal, fail },
    pipeline: inNamespace(pipeline, place),
    state: new TrialState((text) => {
      journal.note('step', { text });
      options.onEvent({ kind: 'step', text });
    }),
    faults: new Faults(scenario, clock),
  };
  noteStart(context, prepared);
  const end = await runToEnd(context, first);
  const record: RunRecord = { ...first, ...end, tookMs: clock.nowMs() - startedMs };
  writeFinalRecord(folder.dir, record);
  journal.note('run-end', { outcome: record.outcome, verdict: record.verdict });
  return { record, dir: folder.dir };
}

/** A trial that was checked, before it has a folder. */
interface Prepared {
  readonly pipeline: Pipeline;
  readonly estimate: Estimate;
  /** The folder of the servers' data; null if they are on other machines. */
  readonly dataDir: string | null;
  /** Leftovers of killed runs that were removed. */
  readonly leftovers: readonly string[];
}

/** Checks a trial. Throws DoorbusterError (exit 2) if it cannot run here. */
async function prepare(lab: LabContext, trial: Trial): Promise<Prepared> {
  const { parsed, baseDir, resultsDir, reproduce, onEvent } = trial;
  const pipeline = pipelineFor(parsed, baseDir);
  compactionOf(pipeline, parsed.scenario);
  refuseUnusedServers(parsed, pipeline);
  // First, because leftovers of a killed run use disk space and cores.
  const leftovers = sweptLines(await sweepLeftovers(lab.clock));
  for (const text of leftovers) onEvent({ kind: 'warning', text });
  requireWritable([resultsDir, temporaryDir(), defaultRegistryDir()]);
  const estimate = estimateOf(parsed.scenario, pipeline.manifest);
  const dataDir = await dataDirOf(lab.chosen);
  requireDiskSpace(estimate, foldersOf(resultsDir, dataDir), reproduce);
  return { pipeline, estimate, dataDir, leftovers };
}

/** A signal that ends a trial early: when the user stops it (until disposed), or by `fail`. The trial writes to `dirs`. */
function endSignal(
  wish: AbortSignal,
  dirs: readonly string[],
): Disposable & { readonly signal: AbortSignal; readonly fail: (cause: unknown) => void } {
  const over = new AbortController();
  // Servers, jobs, probes and the load all listen to it: that many listeners are no leak.
  setMaxListeners(0, over.signal);
  return {
    ...whenAborted(wish, () => over.abort(wish.reason)),
    signal: over.signal,
    fail: (cause) => over.abort(withFullDisk(cause, dirs)),
  };
}

/** Records the start of the trial, and reports its plan. */
function noteStart(context: RunContext, { estimate, dataDir, leftovers }: Prepared): void {
  const { scenario, pipeline, folder, journal, options } = context;
  const { name, seed, retail } = scenario;
  journal.note('run-begin', {
    ...{ id: folder.id, scenario: name, seed, leftovers },
    otherRuns: otherOwners(),
  });
  const outages = plannedFaults(scenario);
  const places = { data: dataDir, work: temporaryDir(), results: options.resultsDir };
  options.onEvent({
    kind: 'plan',
    folder: folder.dir,
    timedMs: timedMs(scenario),
    line: [
      `${name}: ${retail.stores} stores on ${pipeline.manifest.name}`,
      ...estimateLines(estimate, places),
      ...(outages === null ? [] : [`outages   ${outages}`]),
    ].join('\n'),
  });
}

/** Runs the trial and returns the parts of the record about its end and its measurements. */
async function runToEnd(context: RunContext, first: UnmeasuredRecord): Promise<RunEnd> {
  const { signal, journal, coordinator, options } = context;
  let judged: MeasuredEnd | null = null;
  try {
    return await runRole(context, first, (part) => {
      judged = part;
    });
  } catch (error) {
    const cause = signal.aborted ? signal.reason : error;
    const end = endOfFailed({ judged }, { error, cause }, options.signal);
    // An error after the run was cut short is not its cause, but must not be lost.
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
 * The leader of a load, or a trial that produces all of it, observes the servers; other shards produce their share.
 * `onJudged` receives what was measured and judged, so that a later failure cannot lose it.
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
  return produceShare(context, { coordinator, stack: chosen.on.stack, hash: options.parsed.hash });
}
