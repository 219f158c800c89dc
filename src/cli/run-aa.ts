import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { MOST_PAIRS } from '../core/paired.ts';
import type { RecordedDesign } from '../record/comparison-plan.ts';
import { createRunFolder } from '../record/folder.ts';
import type { GatePlan } from '../record/gate-plan.ts';
import type { Noise } from '../record/noise.ts';
import { writeAtomically } from '../record/write.ts';
import { comparisonOf } from '../reports/comparison.ts';
import { plural } from '../reports/format.ts';
import { noiseOf, renderNoise } from '../reports/noise.ts';
import type { CommandContext } from './command.ts';
import { writeComparison } from './comparison.ts';
import { estimateLine, planLines, prepareDesigns, runRounds } from './design-rounds.ts';
import { quoted, repeated } from './reproduce.ts';
import { requireKnown, wantedMetrics } from './run-gate.ts';
import { colorOnStdout } from './terminal.ts';

interface AaArguments {
  readonly scenario: string;
  readonly set: readonly string[];
  readonly seed?: string;
  readonly pairs: number;
  readonly metrics?: string;
  readonly out: string;
  readonly results: string;
  readonly yes: boolean;
  readonly json: boolean;
}

/** Fewest pairs: from fewer than six no gate could decide either. */
const LEAST_PAIRS = 6;

/**
 * Runs a scenario against itself in pairs, and writes how much equal runs differ. The file is written after every trial,
 * so that an interrupted measurement leaves what it had.
 */
export async function runAa(args: AaArguments, context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const { scenario, set, pairs } = args;
  if (!Number.isInteger(pairs) || pairs < LEAST_PAIRS || pairs > MOST_PAIRS) {
    throw badInput(
      `--pairs must be a whole number from ${LEAST_PAIRS} to ${MOST_PAIRS}`,
      '--pairs 12',
    );
  }
  const wanted = wantedMetrics(args);
  const labels = ['base', 'head'];
  const prepared = await prepareDesigns(
    labels.map((label) => ({ label, scenario, set })),
    { ...args, force: false },
    context,
  );
  requireKnown(wanted, prepared);
  const [{ scenario: read }] = prepared.scenarios;
  const folder = createRunFolder(args.results, `aa-${read.name}`, systemClock.nowMs());
  for (const line of planLines(prepared)) terminal.say(line);
  const { warmUps } = prepared;
  terminal.say(estimateLine(prepared, pairs, warmUps));
  const reproduce = [
    `doorbuster aa ${quoted(scenario)}`,
    ...repeated('--set', set),
    `--pairs ${pairs}`,
    ...(args.metrics === undefined ? [] : [`--metrics ${quoted(args.metrics)}`]),
    ...(args.seed === undefined ? [] : ['--seed', args.seed]),
  ].join(' ');
  const plan: GatePlan = { id: folder.id, reproduce, wanted, noiseLane: null };
  let noise: Noise | null = null;
  await runRounds(
    prepared,
    {
      ...{ folder, rounds: pairs, warmUps },
      onTrial(designs, { label, round, text, left }) {
        const [base, head] = designs as readonly [RecordedDesign, RecordedDesign];
        noise = noiseOf(plan, { base, head });
        const compared = { id: folder.id, repeat: round, reproduce };
        writeComparison(folder.dir, { designs, comparison: comparisonOf(compared, designs) });
        if (noise !== null) writeAtomically(args.out, `${JSON.stringify(noise, null, 1)}\n`);
        terminal.say(`pair ${round} of ${pairs}, ${label} ${text}; ${plural(left, 'trial')} left`);
        return 'go on';
      },
    },
    context,
  );
  return shown(noise, args, context);
}

function shown(noise: Noise | null, { out, json }: AaArguments, { terminal }: CommandContext) {
  if (noise === null) {
    terminal.say('no pair counts: every one has an INVALID trial, and their reports say why');
    return EXIT.invalid;
  }
  const options = { color: colorOnStdout(), columns: terminal.columns };
  terminal.result((json ? JSON.stringify(noise, null, 1) : renderNoise(noise, options)).trimEnd());
  terminal.say(`written ${out}: doorbuster gate reads it`);
  return noise.pairs < LEAST_PAIRS ? EXIT.noData : EXIT.pass;
}
