import { basename } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import type { RecordedDesign } from '../record/comparison-plan.ts';
import { createRunFolder } from '../record/folder.ts';
import { comparisonOf } from '../reports/comparison.ts';
import type { CommandContext } from './command.ts';
import { type ComparisonFormat, showComparison, writeComparison } from './comparison.ts';
import {
  estimateLine,
  planLines,
  prepareDesigns,
  runRounds,
  type WantedDesign,
} from './design-rounds.ts';
import { quoted, repeated } from './reproduce.ts';
import { refuseRepeat } from './run-repeated.ts';

interface CompareArguments {
  readonly what: readonly string[];
  readonly vary: readonly string[];
  readonly set: readonly string[];
  readonly seed?: string;
  readonly repeat: number;
  readonly warmUp: boolean;
  readonly results: string;
  readonly force: boolean;
  readonly yes: boolean;
  readonly format: ComparisonFormat;
}

/**
 * Runs every design `repeat` times on one stack, in rounds, and writes the comparison after every trial. Throws
 * DoorbusterError (exit 2) for designs that do not have the same traffic, unless forced.
 */
export async function runCompared(
  args: CompareArguments,
  context: CommandContext,
): Promise<ExitCode> {
  const { terminal } = context;
  refuseRepeat(args);
  const prepared = await prepareDesigns(designsOf(args), args, context);
  const { scenarios, forced } = prepared;
  const { name } = scenarios[0].scenario;
  const folder = createRunFolder(args.results, `compare-${name}`, systemClock.nowMs());
  for (const line of planLines(prepared)) terminal.say(line);
  const warmUps = args.warmUp ? prepared.warmUps : [];
  terminal.say(estimateLine(prepared, args.repeat, warmUps));
  const plan = { id: folder.id, repeat: args.repeat, reproduce: reproduceLine(args) };
  const compared = (designs: readonly RecordedDesign[]) => ({
    designs,
    comparison: comparisonOf(plan, designs, forced),
  });
  let last = compared(prepared.wanted.map(({ label }) => ({ label, trials: [] })));
  await runRounds(
    prepared,
    {
      ...{ folder, rounds: args.repeat, warmUps },
      onTrial(designs, { label, round, text, left }) {
        last = compared(designs);
        writeComparison(folder.dir, last);
        const all = prepared.wanted.length * args.repeat;
        terminal.say(`${label}, trial ${round} of ${args.repeat} ${text}; ${left} of ${all} left`);
        return 'go on';
      },
    },
    context,
  );
  return showComparison(last, args.format, terminal);
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

function reproduceLine(args: CompareArguments): string {
  const { what, vary, set, seed, repeat, warmUp, force } = args;
  return [
    'doorbuster compare',
    ...what.map(quoted),
    ...repeated('--vary', vary),
    ...repeated('--set', set),
    ...(seed === undefined ? [] : ['--seed', seed]),
    `--repeat ${repeat}`,
    ...(warmUp ? ['--warm-up'] : []),
    ...(force ? ['--force'] : []),
  ].join(' ');
}
