import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Argv } from 'yargs';
import { badInput } from '../core/errors.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../core/text-file.ts';
import { packageRoot } from '../harness/entry.ts';
import type { ScenarioOnDisk } from '../harness/recording/open.ts';
import { parseScenario } from '../scenario/parse.ts';
import { nearest } from '../scenario/problems.ts';

/** The options of every command that reads a scenario. */
export function scenarioOptions(yargs: Argv): Argv {
  return yargs
    .positional('scenario', { type: 'string', demandOption: true, describe: 'a scenario file' })
    .option('seed', { type: 'string', describe: "replaces the scenario's seed" })
    .option('set', {
      type: 'string',
      array: true,
      nargs: 1,
      default: [] as string[],
      describe: 'override any key: --set traffic.pos.receipts=80/store/h (repeatable)',
    });
}

/** Command line arguments of a scenario. */
export interface ScenarioArguments {
  readonly scenario: string;
  readonly seed?: string;
  readonly set: readonly string[];
}

/**
 * Reads a scenario by the given path, or by the same path inside the package, so that
 * `scenarios/quick.yaml` works in any folder.
 */
export function readScenario(args: ScenarioArguments): ScenarioOnDisk {
  const file = [args.scenario, join(packageRoot, args.scenario)].find(existsSync);
  if (file === undefined) {
    throw badInput(`there is no scenario ${args.scenario}`, `doorbuster validate ${meant(args)}`);
  }
  const text = readTextFile(file, {
    limitBytes: WRITTEN_BY_HAND,
    name: args.scenario,
    hint: `doorbuster validate ${meant(args)}`,
  });
  const seed = seedOf(args.seed);
  const parsed = parseScenario(text, {
    file: args.scenario,
    set: args.set,
    ...(seed === undefined ? {} : { seed }),
  });
  return { ...parsed, file: args.scenario, dir: dirname(resolve(file)) };
}

/** The shipped scenario with the most similar name; the smallest one if none is similar. */
function meant({ scenario }: ScenarioArguments): string {
  const names = readdirSync(join(packageRoot, 'scenarios'))
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => basename(name, '.yaml'));
  return `scenarios/${nearest(basename(scenario).replace(/\.[^.]*$/, ''), names) ?? 'quick'}.yaml`;
}

function seedOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seed = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed;
  throw badInput(
    `--seed ${text} is not a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
    '--seed 7',
  );
}
