import { systemClock as clock } from '../../core/clock.ts';
import { badInput, stackBroke } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { duration } from '../../core/readable.ts';
import {
  findLeftovers,
  type Leftover,
  QUIET_MS,
  removeLeftover,
} from '../../harness/pipelines/leftovers.ts';
import { locateArtifacts } from '../../harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { readLock } from '../../harness/setup/lock.ts';
import {
  externalStack,
  type SharedStack,
  type Tenant,
  tenantsOf,
} from '../../harness/shared-stack.ts';
import { sharedStack } from '../../harness/up.ts';
import { plural } from '../../reports/format.ts';
import type { Command } from '../command.ts';
import { readScenario } from '../scenario-file.ts';

/** Longest time to remove what one run has left, ms. */
const REMOVE_WITHIN_MS = 5 * 60_000;

export const removeCommand: Command = {
  command: 'remove [scenario]',
  describe: 'List what runs have left on servers that stay up, and remove it',
  builder: (yargs) =>
    yargs
      .positional('scenario', {
        type: 'string',
        describe: 'a scenario with runtime: external, whose servers and prefix are used',
      })
      .option('on', { type: 'string', describe: 'a persistent stack by its name, instead' })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'override a key of the scenario (repeatable)',
      })
      .option('run', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'remove this run, by its name in the list (repeatable)',
      })
      .option('load', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'search a distributed load as well, by its id (repeatable)',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'remove every run that is not running, nor may be',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the list as JSON' })
      .example('$0 remove my.yaml', 'a list; removes nothing')
      .example('$0 remove my.yaml --run doorbuster_20261127t090000z_1a2b', 'one of the list')
      .example('$0 remove --on default --yes', 'all of them, on a persistent stack'),
  stopping: 'stopping: what was not removed stays',
  async run({ scenario, on, set, run, load, yes, json }, { terminal, signal }) {
    const shared = await serversOf({ scenario, on, set }, signal);
    try {
      const found = await findLeftovers({
        ...{ endpoints: shared.stack.endpoints, servers: shared.stack.servers, clock, signal },
        ...{ prefix: shared.prefix, loads: load },
      });
      const tenants = tenantsOf(shared.name);
      const listed = found.map((one) => listedOf(one, tenants));
      const wanted = chosenOf(listed, { run, yes });
      if (!json) show(listed, wanted, { terminal, prefix: shared.prefix });
      const failed: string[] = [];
      for (const one of wanted) {
        const within = AbortSignal.any([signal, AbortSignal.timeout(REMOVE_WITHIN_MS)]);
        try {
          const { endpoints, servers } = shared.stack;
          const reach = { endpoints, servers, clock, signal: within };
          const removed = await removeLeftover(one.left, reach);
          one.removed = removed;
          one.tenant?.forget();
          const { jobs, topics, tables, objects } = removed;
          terminal.say(
            `removed ${one.name}: ${plural(jobs, 'job')}, ${plural(topics, 'topic')}, ${plural(tables, 'table')}, ${plural(objects, 'file')} that the catalog had left`,
          );
        } catch (error) {
          signal.throwIfAborted();
          failed.push(`${one.name}: ${(error as Error).message}`);
        }
      }
      if (json) terminal.result(JSON.stringify(listed.map(asJson), null, 1));
      if (failed.length === 0) return EXIT.pass;
      throw stackBroke(
        `not removed: ${failed.join('; ')}`,
        'type it again: what is gone is passed over',
      );
    } finally {
      await shared.stack[Symbol.asyncDispose]();
    }
  },
};

interface Listed {
  readonly name: string;
  readonly left: Leftover;
  readonly tenant: Tenant | undefined;
  /** running: by a process of this machine; recent: it may be running elsewhere. */
  readonly state: 'left' | 'running' | 'recent';
  removed?: Awaited<ReturnType<typeof removeLeftover>>;
}

async function serversOf(
  { scenario, on, set }: { scenario?: string; on?: string; set: readonly string[] },
  signal: AbortSignal,
): Promise<SharedStack> {
  if ((scenario === undefined) === (on === undefined)) {
    throw badInput(
      'remove needs either a scenario with runtime: external or --on NAME',
      'doorbuster remove my.yaml   # or: doorbuster remove --on default',
    );
  }
  const artifacts = locateArtifacts(defaultCacheDir(), readLock());
  if (scenario === undefined) {
    const onProgress = () => {};
    return sharedStack(on as string, { artifacts, clock, used: [], onProgress });
  }
  const use = readScenario({ scenario, set }).scenario.stack.external;
  if (use !== null) return externalStack(use, { artifacts, signal });
  throw badInput(
    `${scenario} has servers of its own, which end with its run: it leaves nothing`,
    'a scenario with stack: { runtime: external }, or --on NAME for a persistent stack',
  );
}

function listedOf(left: Leftover, tenants: readonly Tenant[]): Listed {
  const tenant = tenants.find(({ mark }) => mark === left.mark);
  const isRunning = typeof tenant?.pid === 'number';
  // A process of this machine that has ended is known not to run.
  const state = isRunning ? 'running' : left.recent && tenant === undefined ? 'recent' : 'left';
  return { name: left.mark.replace(/_$/, ''), left, tenant, state };
}

/** What is to be removed. Throws DoorbusterError (exit 2) for a name that is not in the list, and for a run that lives. */
function chosenOf(
  listed: readonly Listed[],
  { run, yes }: { readonly run: readonly string[]; readonly yes: boolean },
): readonly Listed[] {
  for (const name of run) {
    const one = listed.find((other) => other.name === name);
    if (one === undefined) {
      const names = listed.map((other) => other.name).join(', ');
      throw badInput(
        `no run called ${name} has left anything there${names === '' ? '' : `: ${names} has`}`,
        'leave out --run for the list; a distributed load also needs --load ID',
      );
    }
    if (one.state === 'running') {
      throw badInput(
        `${name} is running, by process ${one.tenant?.pid}`,
        `kill -INT ${one.tenant?.pid}   # it removes its own names`,
      );
    }
  }
  return listed.filter(({ name, state }) => run.includes(name) || (yes && state === 'left'));
}

const WORDS: Readonly<Record<Listed['state'], (one: Listed) => string>> = {
  left: () => '',
  running: ({ tenant }) => `  running, by process ${tenant?.pid}`,
  recent: () => `  may be running: it began or wrote less than ${duration(QUIET_MS)} ago`,
};

function show(
  listed: readonly Listed[],
  wanted: readonly Listed[],
  { terminal, prefix }: { terminal: { result(text: string): void }; prefix: string },
): void {
  if (listed.length === 0) {
    terminal.result(`no run with the prefix ${prefix} has left anything there`);
    return;
  }
  for (const one of listed) {
    const { jobs, topics, groups, tables, namespaces, slots, schemas } = one.left;
    const parts = [
      [plural(jobs.length, 'job')],
      [plural(topics.length, 'topic')],
      [plural(groups.length, 'consumer group')],
      [plural(tables.length, 'table'), 'in', plural(namespaces.length, 'namespace')],
      // Only where there is a database.
      ...(slots.length > 0 ? [[plural(slots.length, 'replication slot')]] : []),
      ...(schemas.length > 0 ? [[plural(schemas.length, 'schema')]] : []),
    ].map((words) => words.join(' '));
    terminal.result(`${one.name}  ${parts.join(', ')}${WORDS[one.state](one)}`);
  }
  if (wanted.length > 0) return;
  const free = listed.filter(({ state }) => state === 'left').length;
  terminal.result(
    `nothing was removed; next: the same command with --yes for ${free} of ${listed.length}, or with --run NAME`,
  );
}

function asJson({ name, left, tenant, state, removed }: Listed) {
  const { mark: _, recent: __, ...found } = left;
  return { name, state, pid: tenant?.pid ?? null, ...found, removed: removed ?? null };
}
