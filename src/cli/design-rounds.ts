import pc from 'picocolors';
import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import { comparedLine, estimateOf } from '../harness/experiment/estimate.ts';
import { openLab } from '../harness/experiment/lab.ts';
import {
  afterWarmUps,
  planComparison,
  repeatTrials,
  warmUpsFor,
} from '../harness/experiment/repeat.ts';
import { serversUsed } from '../harness/experiment/servers-used.ts';
import { pipelineFor } from '../harness/pipelines/load.ts';
import type { ScenarioOnDisk } from '../harness/recording/open.ts';
import { readLock } from '../harness/setup/lock.ts';
import { needsOf } from '../harness/setup/needs.ts';
import { RUNTIMES } from '../harness/stack/runtimes.ts';
import type { RecordedDesign } from '../record/comparison-plan.ts';
import { type RunFolder, removeIfEmpty } from '../record/folder.ts';
import type { RecordedTrial } from '../record/series.ts';
import { type Difference, differencesOf, differenceText } from '../scenario/differences.ts';
import type { Manifest } from '../topology/manifest.ts';
import type { CommandContext } from './command.ts';
import { ready } from './ready.ts';
import { recorded } from './recorded.ts';
import { reproduce } from './reproduce.ts';
import { trialProgress } from './run-repeated.ts';
import { runtimeOf, workOf } from './run-work.ts';
import { readScenario } from './scenario-file.ts';
import { writeTrialReports } from './write-reports.ts';

/** A design to be run: a scenario file with its own changes. */
export interface WantedDesign {
  readonly label: string;
  readonly scenario: string;
  readonly set: readonly string[];
}

interface PrepareOptions {
  readonly seed?: string;
  readonly force: boolean;
  readonly yes: boolean;
}

/** Designs that were read and checked, with what the machine needs for all of them. */
export type PreparedDesigns = Awaited<ReturnType<typeof prepareDesigns>>;

/**
 * Reads and checks every design, and provides what the machine needs for all of them. Throws DoorbusterError (exit 2)
 * for designs that do not have the same traffic, unless forced.
 */
export async function prepareDesigns(
  wanted: readonly WantedDesign[],
  { seed, force, yes }: PrepareOptions,
  context: CommandContext,
) {
  const read = wanted.map((one) => readScenario(seed === undefined ? one : { ...one, seed }));
  const differences = differencesOf(read.map(({ scenario }) => scenario));
  const forced = otherTraffic(differences, force);
  const runtime = await runtimeOf(undefined, read[0] as ScenarioOnDisk);
  const means = await RUNTIMES[runtime].artifactSource();
  const withRecording = (one: ScenarioOnDisk) => recorded(one, { yes }, context, means);
  const scenarioOf = (design: number, seed: number) =>
    withRecording(readScenario({ ...(wanted[design] as WantedDesign), seed: String(seed) }));
  const all = await Promise.all(read.map(withRecording));
  const scenarios = all as [ScenarioOnDisk, ...ScenarioOnDisk[]];
  const pipelines = scenarios.map((one) => pipelineFor(one, process.cwd()));
  const manifests = pipelines.map(({ manifest }) => manifest);
  const warmUps = warmUpsFor(
    pipelines.map((pipeline, i) => serversUsed(pipeline, (all[i] as ScenarioOnDisk).scenario)),
  );
  const needs = needsOf(readLock(), workOf(scenarios, runtime));
  const artifacts = await ready({ yes, runtime, means, needs }, context);
  return {
    ...{ wanted, differences, forced, scenarios, manifests, warmUps },
    ...{ scenarioOf, runtime, artifacts },
  };
}

/** Reasons why the designs are not comparable, if forced. Throws DoorbusterError (exit 2) otherwise. */
function otherTraffic(differences: readonly Difference[], force: boolean): readonly string[] {
  const traffic = differences.filter((one) => one.traffic);
  if (traffic.length === 0) return [];
  const reason = `the designs have different traffic: ${traffic.map(differenceText).join('; ')}`;
  if (force) return [reason];
  throw badInput(reason, 'vary what is not traffic, or add --force');
}

/** What is to be compared, before it runs. */
export function planLines({ wanted, differences }: PreparedDesigns): readonly string[] {
  const apart = differences.map(({ path, values }) => {
    const shown = values.map((value) => String(value ?? '–'));
    return `differs   ${path}: ${shown.join(' / ')}`;
  });
  return [
    `designs   ${wanted.map(({ label }) => label).join(' · ')}`,
    ...(apart.length > 0
      ? apart
      : ['differs   nothing: this shows how much two runs of one design differ']),
  ];
}

/** The estimated time of so many trials of each design, and of these warm-ups. */
export function estimateLine(
  { scenarios, manifests }: PreparedDesigns,
  trials: number,
  warmUps: readonly number[],
): string {
  const estimates = scenarios.map(({ scenario }, i) =>
    estimateOf(scenario, manifests[i] as Manifest),
  );
  return comparedLine(estimates, trials, warmUps);
}

interface Rounds {
  readonly folder: RunFolder;
  /** The most rounds: each design runs once in each. */
  readonly rounds: number;
  /** Seeds of the rounds of a single design; counted up from that of the scenario by default. */
  readonly seeds?: readonly number[];
  /** Designs of which one trial is run before the rounds, recorded and not counted. */
  readonly warmUps: readonly number[];
  /** Called after every trial, with the trials so far of every design. */
  readonly onTrial: (designs: readonly RecordedDesign[], trial: EndedTrial) => 'go on' | 'stop';
}

interface EndedTrial {
  readonly label: string;
  readonly round: number;
  /** How it ended. */
  readonly text: string;
  /** Number of trials that the plan has left. */
  readonly left: number;
}

/**
 * Runs the designs in rounds on one stack, in an order that the seed draws, all trials of a round with the same seed.
 * Throws the signal's reason if not one trial ended.
 */
export async function runRounds(
  { wanted, scenarios, scenarioOf, runtime, artifacts }: PreparedDesigns,
  { folder, rounds, seeds, warmUps, onTrial }: Rounds,
  { terminal, signal }: CommandContext,
): Promise<void> {
  const baseDir = process.cwd();
  const counted =
    seeds?.map((seed, i) => ({ number: i + 1, seed, design: 0 })) ??
    planComparison(wanted.length, rounds, scenarios[0].scenario.seed);
  const order = afterWarmUps(warmUps, counted);
  terminal.say(pc.dim(folder.dir));
  const done: (RecordedTrial & { readonly design: number })[] = [];
  try {
    await using lab = await openLab({
      ...{ scenarios, baseDir, runtime, keep: false, artifacts, signal, clock: systemClock },
      seriesDir: folder.dir,
      onLine: (text) => terminal.say(text),
    });
    using progress = trialProgress(terminal);
    const trials = repeatTrials(lab, order, async ({ design, seed }) => {
      const parsed = await scenarioOf(design, seed);
      return {
        ...{ parsed, baseDir, keep: false, signal, resultsDir: folder.dir },
        reproduce: reproduce({ ...(wanted[design] as WantedDesign), seed: String(seed) }),
        onEvent: progress.begin(parsed),
      };
    });
    for await (const { design, number, seed, record, dir } of trials) {
      progress.end();
      writeTrialReports(terminal, dir, record);
      const label = wanted[design]?.label ?? '';
      if (number === 0 && record.outcome === 'completed') {
        terminal.say(`warm-up, ${label}: not counted`);
        continue;
      }
      // A warm-up that did not complete ends it all, and says why: it is the first trial then.
      const round = Math.max(1, number);
      done.push({ design, number: round, seed, record });
      const designs = wanted.map(({ label }, i) => ({
        label,
        trials: done.filter((one) => one.design === i),
      }));
      const ended = {
        ...{ label, round },
        text: `(seed ${seed}): ${record.verdict ?? record.outcome}`,
        left: counted.length - done.length,
      };
      if (onTrial(designs, ended) === 'stop') break;
    }
  } finally {
    removeIfEmpty(folder.dir);
  }
  // Without a trial there is nothing to show.
  if (done.length === 0) signal.throwIfAborted();
}
