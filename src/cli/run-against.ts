import { join } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { createRunFolder, RUN_FILES, removeIfEmpty } from '../record/folder.ts';
import type { RecordedSide } from '../record/gate-plan.ts';
import { writeAtomically } from '../record/write.ts';
import {
  type Against,
  againstMarkdown,
  againstOf,
  LEAST_TRIALS,
  renderAgainst,
} from '../reports/against.ts';
import { incomparable, otherTraffic, scenarioOf } from '../reports/comparison.ts';
import { escapedTexts } from '../reports/escaped.ts';
import { percent, plural } from '../reports/format.ts';
import { isCounted, repetitionOf } from '../reports/repetition.ts';
import type { CommandContext } from './command.ts';
import { designAt } from './comparison.ts';
import { estimateLine, prepareDesigns, runRounds } from './design-rounds.ts';
import type { GateFormat } from './gate.ts';
import { sideOf } from './gate-sides.ts';
import { quoted, repeated } from './reproduce.ts';
import { noiseFor, requireKnown, wantedMetrics, withNoise } from './run-gate.ts';
import { writeSeries } from './series.ts';
import { colorOnStdout } from './terminal.ts';

interface AgainstArguments {
  readonly against: readonly string[];
  readonly head: string;
  readonly strict: boolean;
  readonly scenario: string;
  readonly set: readonly string[];
  readonly headSet: readonly string[];
  readonly metrics?: string;
  readonly noise?: string;
  readonly results: string;
  readonly yes: boolean;
  readonly format: GateFormat;
}

/**
 * Runs the head as often as the base was recorded, each trial with the seed of a recorded one, and judges both as
 * independent samples. Throws DoorbusterError (exit 2) for a base of another lane or other traffic.
 */
export async function runAgainst(
  args: AgainstArguments,
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal } = context;
  if (args.format === 'junit') {
    throw badInput('a gate against records has no junit report', '--format markdown, or json');
  }
  const wanted = withNoise(wantedMetrics(args), noiseFor(args));
  const base = recordedBase(args.against);
  const seeds = base.trials.map(({ seed }) => seed);
  const folder = createRunFolder(args.results, 'against', systemClock.nowMs());
  const prepared = await preparedHead(folder.dir, args, base, context).catch((error: unknown) => {
    removeIfEmpty(folder.dir);
    throw error;
  });
  requireKnown(wanted, prepared);
  const label = prepared.wanted[0]?.label ?? 'head';
  terminal.say(
    `base      ${base.label}: ${plural(base.trials.length, 'recorded trial')} that count`,
  );
  terminal.say(`head      ${label}: as many trials, with the same seeds`);
  terminal.say(
    `metrics   ${wanted.map(({ id, effect }) => `${id} ${percent(effect)}`).join(' · ')}`,
  );
  const { warmUps } = prepared;
  terminal.say(estimateLine(prepared, seeds.length, warmUps));
  const plan = { id: folder.id, wanted, reproduce: reproduceLine(args) };
  let last = againstOf(plan, { base, head: { label, trials: [] } }, args.strict);
  await runRounds(
    prepared,
    {
      ...{ folder, rounds: seeds.length, seeds, warmUps },
      onTrial(designs, { round, text }) {
        const trials = designs[0]?.trials ?? [];
        const series = { trials: seeds.length, reproduce: plan.reproduce };
        const same = new Set(seeds).size === 1 ? 'same' : 'increment';
        writeSeries(folder.dir, repetitionOf({ id: folder.id, ...series, seeds: same }, trials));
        const soFar = { label: base.label, trials: base.trials.slice(0, trials.length) };
        refuse(incomparable([soFar, { label, trials }]));
        last = againstOf(plan, { base, head: { label, trials } }, args.strict);
        writeAgainst(folder.dir, last);
        terminal.say(`trial ${round} of ${seeds.length} ${text}`);
        return 'go on';
      },
    },
    context,
  );
  const options = { color: colorOnStdout(), columns: terminal.columns };
  const shown = {
    terminal: () => renderAgainst(escapedTexts(last), options),
    markdown: () => againstMarkdown(escapedTexts(last)),
    json: () => JSON.stringify(last, null, 1),
  }[args.format]();
  terminal.result(shown.trimEnd());
  return last.exitCode;
}

/** The trials of all folders that count, numbered from 1. Throws DoorbusterError (exit 2) for too few. */
function recordedBase(paths: readonly string[]): RecordedSide {
  const designs = paths.map(designAt);
  const trials = designs
    .flatMap((design) => design.trials.filter(isCounted))
    .map((trial, i) => ({ ...trial, number: i + 1 }));
  const label = designs.map(({ folder }) => folder).join(', ');
  if (trials.length < LEAST_TRIALS) {
    throw badInput(
      `${label} has ${plural(trials.length, 'trial')} that count, and a gate needs at least ${LEAST_TRIALS}`,
      'record a base: doorbuster run SCENARIO --repeat 5 --warm-up --results results/baselines',
    );
  }
  for (const { record } of trials.slice(1)) {
    const [first] = trials as [(typeof trials)[number], ...typeof trials];
    const trial = { number: 1, seed: 0 };
    refuse(
      incomparable([
        { label: first.record.id, trials: [{ ...trial, record: first.record }] },
        { label: record.id, trials: [{ ...trial, record }] },
      ]),
    );
  }
  return { label, trials };
}

async function preparedHead(
  dir: string,
  { head, headSet, scenario, set, yes }: AgainstArguments,
  base: RecordedSide,
  context: CommandContext,
) {
  const side = await sideOf({ name: 'head', what: head, set: headSet }, { scenario, set, dir });
  const prepared = await prepareDesigns([side], { force: false, yes }, context);
  const [first] = base.trials as [RecordedSide['trials'][number]];
  // Before anything starts; the lane is known after the first trial.
  refuse(
    otherTraffic(
      `${base.label} and ${side.label}`,
      scenarioOf(first.record),
      prepared.scenarios[0].scenario,
    ),
  );
  return prepared;
}

function refuse(reasons: readonly string[]): void {
  if (reasons.length === 0) return;
  throw badInput(
    reasons.join('\n'),
    'record the base again on this machine, or run both sides: doorbuster gate --base …',
  );
}

function writeAgainst(dir: string, against: Against): void {
  writeAtomically(join(dir, RUN_FILES.against), `${JSON.stringify(against, null, 1)}\n`);
  writeAtomically(join(dir, RUN_FILES.againstMarkdown), againstMarkdown(escapedTexts(against)));
}

function reproduceLine(args: AgainstArguments): string {
  return [
    'doorbuster gate',
    ...repeated('--against', args.against),
    `--head ${quoted(args.head)}`,
    ...repeated('--head-set', args.headSet),
    ...repeated('--set', args.set),
    `--scenario ${quoted(args.scenario)}`,
    ...(args.metrics === undefined ? [] : [`--metrics ${quoted(args.metrics)}`]),
    ...(args.noise === undefined ? [] : [`--noise ${quoted(args.noise)}`]),
    ...(args.strict ? ['--strict'] : []),
  ].join(' ');
}
