import { systemClock } from '../../core/clock.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { packageRoot } from '../../harness/entry.ts';
import { connectOf } from '../../harness/experiment/own-stack.ts';
import { serversOfShipped } from '../../harness/experiment/servers-used.ts';
import { loadPipeline, SHIPPED } from '../../harness/pipelines/load.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { needsOf, SERVERS_ON_REQUEST } from '../../harness/setup/needs.ts';
import { toolsOf } from '../../harness/stack/components/components.ts';
import {
  DEFAULT_STACK,
  type PersistedStack,
  persistedPath,
} from '../../harness/stack/persisted-stack.ts';
import { RUNTIME_CHOICES, RUNTIMES, runtimeFor } from '../../harness/stack/runtimes.ts';
import type { RuntimeKind, ServerName } from '../../harness/stack/stack.ts';
import { up } from '../../harness/up.ts';
import type { Command } from '../command.ts';
import { ready } from '../ready.ts';

export const upCommand: Command = {
  command: 'up [name]',
  describe: 'Start a persistent stack, for several runs',
  builder: (yargs) =>
    yargs
      .positional('name', {
        type: 'string',
        default: DEFAULT_STACK,
        describe: 'name of the stack',
      })
      .option('runtime', {
        choices: RUNTIME_CHOICES,
        default: 'auto',
        describe: 'where the servers run',
      })
      .option('task-slots', {
        type: 'number',
        default: 10,
        describe: 'Flink task slots (each job takes one per parallel instance)',
      })
      .option('with', {
        choices: SERVERS_ON_REQUEST,
        array: true,
        nargs: 1,
        default: [],
        describe: `servers that a stack has only on request: ${SERVERS_ON_REQUEST.join(', ')}`,
      })
      .option('jit', {
        choices: ['c1', 'full'] as const,
        default: 'full',
        describe: 'how broker and TaskManager are compiled, as stack.jit',
      })
      .option('yes', {
        type: 'boolean',
        default: false,
        describe: 'install missing tools (root on Debian)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the addresses as JSON' })
      .example('$0 up', 'then: doorbuster run scenarios/quick.yaml --on default')
      .example('$0 up big --task-slots 40', 'a second stack, for parallel jobs'),
  stopping: 'stopping: ending the servers',
  async run({ name, runtime, taskSlots, with: wanted, jit, yes, json }, context) {
    const servers = serversOfShipped(wanted as readonly ServerName[]);
    const { terminal, signal } = context;
    const taken: RuntimeKind = await runtimeFor(runtime);
    const means = await RUNTIMES[taken].artifactSource();
    const needs = needsOf(readLock(), {
      servers: taken,
      observes: true,
      programs: ['spark'],
      starts: servers,
      tools: toolsOf(servers),
    });
    const artifacts = await ready({ yes, runtime: taken, means, needs }, context);
    const kept = await up({
      ...{ name, runtime: taken, artifacts, jit, signal, clock: systemClock },
      servers,
      // Every job sets its own commit interval.
      flink: { taskSlots, checkpointEveryMs: 2_000 },
      connect: connectOf(SHIPPED.map((shipped) => loadPipeline(shipped, packageRoot).manifest)),
      onBuilding: (image) => terminal.say(`building the image of ${image}`),
      onProgress: ({ server, state, ms }) => {
        if (state === 'ready') terminal.say(`${server} ready after ${(ms / 1_000).toFixed(1)} s`);
      },
    });
    const at = addresses(kept);
    if (json) {
      const { runtime: kind, keptAt, home } = kept;
      terminal.result(JSON.stringify({ name, runtime: kind, keptAt, home, ...at }, null, 1));
      return EXIT.pass;
    }
    const lines = Object.entries(at).map(([what, where]) => `  ${what.padEnd(12)} ${where}`);
    terminal.result(
      [
        `${name} is up (${kept.runtime})`,
        ...lines,
        `run on it:  doorbuster run scenarios/quick.yaml --on ${name}`,
        `end it:     doorbuster down ${name}`,
      ].join('\n'),
    );
    return EXIT.pass;
  },
};

/** Addresses of a stack without the keys of the object store, which are only in the user's private file. */
function addresses({ name, plan }: PersistedStack) {
  const plain = (port: number) => `127.0.0.1:${port}`;
  const http = (port: number) => `http://${plain(port)}`;
  const others = [
    ['redis', plain],
    ['connect', http],
    ['postgres', plain],
  ] as const;
  return {
    kafka: plain(plan.ports.kafka),
    flink: http(plan.ports.flinkRest),
    gateway: http(plan.ports.gateway),
    catalog: http(plan.ports.catalog),
    s3: http(plan.ports.minio),
    ...Object.fromEntries(
      others
        .filter(([server]) => plan.servers.includes(server))
        .map(([server, at]) => [server, at(plan.ports[server])]),
    ),
    credentials: persistedPath(name),
  };
}
