import { basename } from 'node:path';
import pc from 'picocolors';
import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { comparedLine, estimateOf } from '../harness/experiment/estimate.ts';
import { openLab } from '../harness/experiment/lab.ts';
import { planComparison, repeatTrials } from '../harness/experiment/repeat.ts';
import { pipelineFor } from '../harness/pipelines/load.ts';
import type { ScenarioOnDisk } from '../harness/recording/open.ts';
import { readLock } from '../harness/setup/lock.ts';
import { needsOf } from '../harness/setup/needs.ts';
import { RUNTIMES } from '../harness/stack/runtimes.ts';
import type { RecordedDesign } from '../record/comparison-plan.ts';
import { createRunFolder, removeIfEmpty } from '../record/folder.ts';
import type { RecordedTrial } from '../record/series.ts';
import { comparisonOf } from '../reports/comparison.ts';
import { type Difference, differencesOf, differenceText } from '../scenario/differences.ts';
import type { CommandContext } from './command.ts';
import { type ComparisonFormat, showComparison, writeComparison } from './comparison.ts';
import { ready } from './ready.ts';
import { recorded } from './recorded.ts';
import { quoted, repeated, reproduce } from './reproduce.ts';
import { refuseRepeat, trialProgress } from './run-repeated.ts';
import { runtimeOf, workOf } from './run-work.ts';
import { readScenario } from './scenario-file.ts';
import { writeTrialReports } from './write-reports.ts';

interface CompareArguments {
  readonly what: readonly string[];
  readonly vary: readonly string[];
  readonly set: readonly string[];
  readonly seed?: string;
  readonly repeat: number;
  readonly results: string;
  readonly force: boolean;
  readonly yes: boolean;
  readonly format: ComparisonFormat;
}

/** A design to be run: a scenario file with its own changes. */
interface WantedDesign {
  readonly label: string;
  readonly scenario: string;
  readonly set: readonly string[];
}

/**
 * Runs every design `repeat` times on one stack, in rounds, and writes the comparison after every trial. Throws
 * DoorbusterError (exit 2) for designs that do not have the same traffic, unless forced.
 */
export async function runCompared(
  args: CompareArguments,
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal, signal } = context;
  const { wanted, differences, forced, scenarios, scenarioOf, runtime, artifacts } = await prepared(
    args,
    context,
  );
  const baseDir = process.cwd();
  const { name, seed: firstSeed } = scenarios[0].scenario;
  const folder = createRunFolder(args.results, `compare-${name}`, systemClock.nowMs());
  const order = planComparison(wanted.length, args.repeat, firstSeed);
  const estimates = scenarios.map((parsed) =>
    estimateOf(parsed.scenario, pipelineFor(parsed, baseDir).manifest),
  );
  for (const line of planLines(wanted, differences)) terminal.say(line);
  terminal.say(comparedLine(estimates, args.repeat));
  terminal.say(pc.dim(folder.dir));
  const done: (RecordedTrial & { readonly design: number })[] = [];
  const compared = () => {
    const designs: readonly RecordedDesign[] = wanted.map(({ label }, design) => ({
      label,
      trials: done.filter((one) => one.design === design),
    }));
    const plan = { id: folder.id, repeat: args.repeat, reproduce: reproduceLine(args) };
    return { designs, comparison: comparisonOf(plan, designs, forced) };
  };
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
      done.push({ design, number, seed, record });
      writeTrialReports(terminal, dir, record);
      writeComparison(folder.dir, compared());
      const which = `${wanted[design]?.label}, trial ${number} of ${args.repeat} (seed ${seed})`;
      const left = order.length - done.length;
      terminal.say(
        `${which}: ${record.verdict ?? record.outcome}; ${left} of ${order.length} left`,
      );
    }
  } finally {
    removeIfEmpty(folder.dir);
  }
  // Without a trial there is nothing to show.
  if (done.length === 0) signal.throwIfAborted();
  return showComparison(compared(), args.format, terminal);
}

/** Reads and checks every design, and provides what the machine needs for all of them. */
async function prepared(args: CompareArguments, context: CommandContext) {
  refuseRepeat(args);
  const wanted = designsOf(args);
  const { seed } = args;
  const read = wanted.map((one) => readScenario(seed === undefined ? one : { ...one, seed }));
  const differences = differencesOf(read.map(({ scenario }) => scenario));
  const forced = otherTraffic(differences, args.force);
  const runtime = await runtimeOf(undefined, read[0] as ScenarioOnDisk);
  const means = await RUNTIMES[runtime].artifactSource();
  const withRecording = (one: ScenarioOnDisk) => recorded(one, args, context, means);
  const scenarioOf = (design: number, seed: number) =>
    withRecording(readScenario({ ...(wanted[design] as WantedDesign), seed: String(seed) }));
  const all = await Promise.all(read.map(withRecording));
  const scenarios = all as [ScenarioOnDisk, ...ScenarioOnDisk[]];
  const needs = needsOf(readLock(), workOf(scenarios, runtime));
  const artifacts = await ready({ yes: args.yes, runtime, means, needs }, context);
  return { wanted, differences, forced, scenarios, scenarioOf, runtime, artifacts };
}

/** Every scenario with every combination of the varied values. */
function designsOf({ what, vary, set }: CompareArguments): readonly WantedDesign[] {
  const varied = vary
    .map(variedOf)
    .reduce<readonly (readonly Assignment[])[]>(
      (combinations, values) =>
        combinations.flatMap((combination) => values.map((value) => [...combination, value])),
      [[]],
    );
  const designs = what.flatMap((scenario) =>
    varied.map((assignments) => ({
      scenario,
      set: [...set, ...assignments.map(({ key, value }) => `${key}=${value}`)],
      label: [
        ...(what.length > 1 || vary.length === 0
          ? [basename(scenario).replace(/\.[^.]*$/, '')]
          : []),
        // Of a path its end.
        ...assignments.map(({ value }) => basename(value)),
      ].join(', '),
    })),
  );
  if (designs.length < 2) {
    throw badInput(
      'a comparison needs at least two designs, and this is one',
      `doorbuster compare ${what[0]} --vary pipeline.use=cdc-upsert,append-ledger`,
    );
  }
  const unique = new Set(designs.map(({ label }) => label)).size === designs.length;
  return unique ? designs : designs.map((one, i) => ({ ...one, label: `${i + 1} ${one.label}` }));
}

interface Assignment {
  readonly key: string;
  readonly value: string;
}

/** `key=a,b` as an assignment per value. */
function variedOf(text: string): readonly Assignment[] {
  const at = text.indexOf('=');
  const values = text.slice(at + 1).split(',');
  if (at <= 0 || values.some((value) => value.trim() === '')) {
    throw badInput(
      `--vary ${text} is not KEY=VALUE,VALUE`,
      '--vary pipeline.use=cdc-upsert,append-ledger',
    );
  }
  return values.map((value) => ({ key: text.slice(0, at), value: value.trim() }));
}

/** Reasons why the designs are not comparable, if forced. Throws DoorbusterError (exit 2) otherwise. */
function otherTraffic(differences: readonly Difference[], force: boolean): readonly string[] {
  const traffic = differences.filter((one) => one.traffic);
  if (traffic.length === 0) return [];
  const reason = `the designs have different traffic: ${traffic.map(differenceText).join('; ')}`;
  if (force) return [reason];
  throw badInput(reason, 'vary what is not traffic, or add --force');
}

/** What will be compared, before it runs. */
function planLines(
  wanted: readonly WantedDesign[],
  differences: readonly Difference[],
): readonly string[] {
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

function reproduceLine({ what, vary, set, seed, repeat, force }: CompareArguments): string {
  return [
    'doorbuster compare',
    ...what.map(quoted),
    ...repeated('--vary', vary),
    ...repeated('--set', set),
    ...(seed === undefined ? [] : ['--seed', seed]),
    `--repeat ${repeat}`,
    ...(force ? ['--force'] : []),
  ].join(' ');
}
