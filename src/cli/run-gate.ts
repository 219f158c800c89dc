import { existsSync } from 'node:fs';
import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import type { ExitCode } from '../core/exit-codes.ts';
import { LOOKS } from '../core/gate-decision.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../core/text-file.ts';
import type { RecordedDesign } from '../record/comparison-plan.ts';
import { createRunFolder, removeIfEmpty } from '../record/folder.ts';
import type { GatePlan, GateSides } from '../record/gate-plan.ts';
import { type Noise, readNoise } from '../record/noise.ts';
import { comparisonOf } from '../reports/comparison.ts';
import { escapedTexts } from '../reports/escaped.ts';
import { percent, plural } from '../reports/format.ts';
import { gateOf } from '../reports/gate.ts';
import { gateAnnotations } from '../reports/gate-annotations.ts';
import { DEFAULT_METRICS, parseGateMetrics } from '../reports/gate-metrics.ts';
import { measuresOf } from '../reports/measures.ts';
import { suggest } from '../scenario/problems.ts';
import type { CommandContext } from './command.ts';
import { writeComparison } from './comparison.ts';
import {
  estimateLine,
  type PreparedDesigns,
  planLines,
  prepareDesigns,
  runRounds,
} from './design-rounds.ts';
import { type GateFormat, showGate, writeGate } from './gate.ts';
import { sideOf } from './gate-sides.ts';
import { quoted, repeated } from './reproduce.ts';

interface GateArguments {
  readonly base: string;
  readonly head?: string;
  readonly scenario: string;
  readonly set: readonly string[];
  readonly baseSet: readonly string[];
  readonly headSet: readonly string[];
  readonly metrics?: string;
  readonly noise?: string;
  readonly seed?: string;
  readonly results: string;
  readonly yes: boolean;
  readonly format: GateFormat;
}

/** File of metrics that is read if there is one where the command is typed. */
const METRICS_FILE = 'gate.yaml';
/** File of noise, likewise. */
const NOISE_FILE = 'noise.json';
const [FIRST, LAST] = [LOOKS[0]?.pairs ?? 0, LOOKS.at(-1)?.pairs ?? 0];
/** The most pairs that run: some may not count. */
const MOST_PAIRS = LAST + 6;

/**
 * Runs both sides in pairs on one stack until the gate is decided, and writes its files after every trial. Throws
 * DoorbusterError (exit 2) for sides that do not have the same traffic.
 */
export async function runGate(args: GateArguments, context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const noise = noiseFor(args);
  const wanted = withNoise(wantedMetrics(args), noise);
  const folder = createRunFolder(args.results, 'gate', systemClock.nowMs());
  const prepared = await preparedIn(folder.dir, { ...args, wanted }, context).catch(
    (error: unknown) => {
      removeIfEmpty(folder.dir);
      throw error;
    },
  );
  for (const line of planLines(prepared)) terminal.say(line);
  const named = wanted.map(({ id, effect }) => `${id} ${effect * 100} %`);
  terminal.say(`metrics   ${named.join(' · ')}`);
  terminal.say(`pairs     decided after ${LOOKS.map(({ pairs }) => pairs).join(', ')} that count`);
  const { warmUps } = prepared;
  terminal.say(estimateLine(prepared, FIRST, warmUps));
  const plan: GatePlan = {
    ...{ id: folder.id, wanted, noiseLane: noise?.lane ?? null },
    reproduce: reproduceLine(args),
  };
  const decided = (designs: readonly RecordedDesign[]) => {
    const [base, head] = designs as readonly [RecordedDesign, RecordedDesign];
    const sides: GateSides = { base, head };
    return { gate: gateOf(plan, sides), sides };
  };
  let last = decided(prepared.wanted.map(({ label }) => ({ label, trials: [] })));
  await runRounds(
    prepared,
    {
      ...{ folder, rounds: MOST_PAIRS, warmUps },
      onTrial(designs, { label, round, text }) {
        last = decided(designs);
        const { gate } = last;
        const compared = { id: folder.id, repeat: round, reproduce: plan.reproduce };
        writeComparison(folder.dir, { designs, comparison: comparisonOf(compared, designs) });
        writeGate(folder.dir, last);
        const pair = designs.flatMap(({ trials }) =>
          trials.filter(({ number }) => number === round),
        );
        const count = pair.length < 2 ? '' : `; ${plural(gate.pairs, 'pair')} so far`;
        terminal.say(`pair ${round}, ${label} ${text}${count}`);
        return pair.length === 2 && gate.final ? 'stop' : 'go on';
      },
    },
    context,
  );
  if (process.env.GITHUB_ACTIONS === 'true') {
    for (const line of gateAnnotations(escapedTexts(last.gate))) terminal.say(line);
  }
  return showGate(last, args.format, terminal);
}

/** Both sides, read and known to have what is wanted of them. Throws DoorbusterError (exit 2) if they are not comparable. */
async function preparedIn(
  dir: string,
  args: GateArguments & Pick<GatePlan, 'wanted'>,
  context: CommandContext,
): Promise<PreparedDesigns> {
  const common = { scenario: args.scenario, set: args.set, dir };
  const sides = [
    await sideOf({ name: 'base', what: args.base, set: args.baseSet }, common),
    await sideOf({ name: 'head', what: args.head ?? args.base, set: args.headSet }, common),
  ];
  const prepared = await prepareDesigns(sides, { ...args, force: false }, context);
  requireKnown(args.wanted, prepared);
  return prepared;
}

/** The metrics of the named file, of ./gate.yaml if there is one, or the default ones. */
export function wantedMetrics({ metrics }: Pick<GateArguments, 'metrics'>): GatePlan['wanted'] {
  const file = metrics ?? (existsSync(METRICS_FILE) ? METRICS_FILE : undefined);
  if (file === undefined) return DEFAULT_METRICS;
  const hint = 'doorbuster gate … --metrics gate.yaml';
  return parseGateMetrics(readTextFile(file, { limitBytes: WRITTEN_BY_HAND, hint }), file);
}

/** The noise of the named file, of ./noise.json if there is one; null: it was not measured. */
export function noiseFor({ noise }: Pick<GateArguments, 'noise'>): Noise | null {
  const file = noise ?? (existsSync(NOISE_FILE) ? NOISE_FILE : undefined);
  return file === undefined ? null : readNoise(file);
}

/** Throws DoorbusterError (exit 2) for an effect that equal runs show as well. */
export function withNoise(wanted: GatePlan['wanted'], noise: Noise | null): GatePlan['wanted'] {
  return wanted.map((metric) => {
    const floor = noise?.metrics.find(({ id }) => id === metric.id)?.floor ?? null;
    if (floor === null || floor < metric.effect) return { ...metric, noise: floor };
    throw badInput(
      `an effect of ${percent(metric.effect)} of ${metric.id} is within the noise of ${percent(floor)} that equal runs show`,
      `give it a larger effect in gate.yaml, take a steadier metric, or a longer phase and doorbuster aa again`,
    );
  });
}

/** Throws DoorbusterError (exit 2) for a metric that no trial will have, before any runs. */
export function requireKnown(wanted: GatePlan['wanted'], { manifests }: PreparedDesigns): void {
  const queries = manifests.flatMap((manifest) => Object.keys(manifest.queries));
  const known = [
    ...measuresOf([]).map(({ id }) => id),
    ...new Set(queries.map((query) => `query-${query}`)),
  ];
  for (const { id } of wanted) {
    if (known.includes(id)) continue;
    throw badInput(`a gate has no metric "${id}": ${suggest(id, known)}`, 'edit gate.yaml');
  }
}

function reproduceLine(args: GateArguments): string {
  return [
    `doorbuster gate --base ${quoted(args.base)}`,
    ...(args.head === undefined ? [] : [`--head ${quoted(args.head)}`]),
    ...repeated('--base-set', args.baseSet),
    ...repeated('--head-set', args.headSet),
    ...repeated('--set', args.set),
    `--scenario ${quoted(args.scenario)}`,
    ...(args.metrics === undefined ? [] : [`--metrics ${quoted(args.metrics)}`]),
    ...(args.noise === undefined ? [] : [`--noise ${quoted(args.noise)}`]),
    ...(args.seed === undefined ? [] : ['--seed', args.seed]),
  ].join(' ');
}
