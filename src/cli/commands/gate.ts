import { badInput } from '../../core/errors.ts';
import type { Command } from '../command.ts';
import { GATE_FORMATS, type GateFormat } from '../gate.ts';

/** An option that may be given several times. */
const several = (describe: string) => ({
  ...{ type: 'string' as const, array: true as const, nargs: 1 as const },
  ...{ default: [] as string[], describe },
});

export const gateCommand: Command = {
  command: 'gate',
  describe: 'Decide whether a change makes a pipeline worse, by paired trials',
  builder: (yargs) =>
    yargs
      .option('base', {
        type: 'string',
        describe:
          'what is in use: a scenario, a pipeline, or either at a git ref (main:pipelines/mine)',
      })
      .option('head', {
        type: 'string',
        describe: 'the change; the base with --head-set if absent',
      })
      .option('against', several('recorded runs as the base, which does not run (repeatable)'))
      .option('strict', {
        type: 'boolean',
        default: false,
        describe: 'with --against: the verdict is the exit code, and not advice',
      })
      .option('scenario', {
        type: 'string',
        default: 'scenarios/gate.yaml',
        describe: 'the scenario of sides that are pipelines',
      })
      .option('set', several('override any key of both sides (repeatable)'))
      .option('base-set', several('override any key of the base (repeatable)'))
      .option('head-set', several('override any key of the head (repeatable)'))
      .option('metrics', {
        type: 'string',
        describe: 'file of metrics and effects; ./gate.yaml if there is one',
      })
      .option('noise', {
        type: 'string',
        describe: 'file that doorbuster aa wrote; ./noise.json if there is one',
      })
      .option('seed', { type: 'string', describe: 'seed of the first pair, and of their order' })
      .option('results', {
        type: 'string',
        default: 'results',
        describe: 'output directory of the gate',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('format', {
        choices: GATE_FORMATS,
        default: 'terminal' as GateFormat,
        describe: 'format of the output on stdout',
      })
      .option('json', { type: 'boolean', default: false, describe: 'same as --format json' })
      .example('$0 gate --base main:pipelines/mine --head pipelines/mine', 'a change of a pipeline')
      .example(
        '$0 gate --against results/baselines/RUN --head pipelines/mine',
        'against runs that were recorded; advice only',
      )
      .example(
        '$0 gate --base scenarios/gate.yaml --head-set pipeline.commit_every=10s',
        'a change of a setting',
      ),
  stopping: 'stopping: writing the record and ending the servers',
  async run(args, context) {
    const { base, head, headSet, baseSet, against, strict, json } = args;
    const format = json ? 'json' : args.format;
    if (against.length > 0) {
      refuseWithRecords(args);
      const { runAgainst } = await import('../run-against.ts');
      return runAgainst({ ...args, format }, context);
    }
    if (base === undefined) {
      throw badInput('a gate needs a base', '--base main:pipelines/mine, or --against results/DIR');
    }
    if (strict) throw badInput('--strict is for --against: any other gate is strict');
    if (head === undefined && headSet.length === 0 && baseSet.length === 0) {
      throw badInput(
        'a gate needs a change: --head, or --head-set',
        '--head-set pipeline.commit_every=10s',
      );
    }
    const { runGate } = await import('../run-gate.ts');
    return runGate({ ...args, format }, context);
  },
};

/** Throws DoorbusterError (exit 2) for options that recorded runs cannot follow. */
function refuseWithRecords({
  base,
  head,
  baseSet,
  seed,
}: {
  readonly base?: string;
  readonly head?: string;
  readonly baseSet: readonly string[];
  readonly seed?: string;
}): void {
  const fixed = Object.entries({ '--base': base, '--seed': seed, '--base-set': baseSet[0] });
  const [wrong] = fixed.find(([, value]) => value !== undefined) ?? [];
  if (wrong !== undefined) {
    throw badInput(
      `--against is a base that was recorded: ${wrong} cannot change it`,
      `leave out ${wrong}`,
    );
  }
  if (head === undefined) {
    throw badInput('a gate against records needs --head', '--head pipelines/mine');
  }
}
