import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { SERVERS } from '../../core/metrics.ts';
import { isAlive, type ProcessIdentity } from '../process-identity.ts';
import type { ServerFiles } from '../setup/artifacts.ts';
import { postgresPrograms } from '../setup/postgres.ts';
import { javaCommand } from '../setup/prerequisites.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import { type ArchiveStore, archiveFolder, classesOf, withClassArchive } from './class-archives.ts';
import { COMPONENTS } from './components/components.ts';
import { PersistedServers, persistedPath } from './persisted-stack.ts';
import { LOOPBACK, type Plan } from './plan.ts';
import { sweepLeftovers } from './registry.ts';
import { ResourceLease } from './resource-lease.ts';
import type { RuntimeHost } from './runtime-host.ts';
import type { Launched } from './server.ts';
import { follow, launch } from './server-process.ts';
import type { Runtime, ServerName, StackOptions } from './stack.ts';
import { attachSupervised, startSupervised } from './supervised.ts';

/** Runs the servers as child processes, without a container engine. */
export const processes: Runtime & { readonly kind: 'processes' } = {
  kind: 'processes',
  artifactSource: async () => ({}),
  dataDir: async () => temporaryDir(),
  async start(options) {
    options.signal.throwIfAborted();
    await sweepLeftovers(options.clock);
    return startSupervised('processes', options, openFolder);
  },
  async attach(kept, options) {
    const { plan } = kept;
    const record = new PersistedServers(kept);
    const following = new AbortController();
    const alive = kept.servers.filter(isAlive);
    return attachSupervised(kept, options, {
      ...processHost(plan, record),
      leasePath: persistedPath(kept.name),
      takePorts: () => {},
      attachInfo: () => ({ servers: kept.servers }),
      detach: () => following.abort(),
      async remove() {
        following.abort();
        await record.remove();
      },
      running: new Map(
        alive.map((one) => [one.server, follow(one, options.clock, following.signal)]),
      ),
    });
  },
};

/** A host of registered processes on this machine. */
function processHost(
  plan: RuntimeHost['plan'],
  record: Pick<ResourceLease, 'register' | 'unregister'>,
  archives?: Archives,
): Pick<RuntimeHost, 'plan' | 'writeFiles' | 'launch' | 'launchAuxiliary' | 'ended'> {
  return {
    plan,
    writeFiles,
    async launch(server, command, capture) {
      const archived =
        capture || archives === undefined
          ? null
          : withClassArchive(server, command, archives.store, !archives.restarted.includes(server));
      const log = join(plan.logDir, `${server}.log`);
      const own = archived?.command ?? command;
      const launched = await launch(own, { workDir: plan.workDir, log, capture });
      record.register(server, launched.pid);
      return { ...launched, ...classesOf(archived) };
    },
    launchAuxiliary: (program) => launchAuxiliary(plan.artifacts, program, archives),
    async ended({ pid }) {
      if (pid !== null) record.unregister(pid);
    },
  };
}

/** Starts a program in its own folder, registered like a server, in case this process is killed. */
export async function launchAuxiliary(
  artifacts: ServerFiles,
  program: AuxiliaryProcess,
  archives?: Archives,
): Promise<Launched> {
  const { name, log, onLine, ports = [], untilKilled = false } = program;
  const dir = await mkdtemp(join(temporaryDir(), `doorbuster-${name}-`));
  const lease = await ResourceLease.open(dir);
  try {
    await mkdir(join(dir, 'tmp'));
    for (const [file, text] of Object.entries(program.files({ internal: false })))
      await writeFile(join(dir, file), text);
    const command = program.command({ java: javaCommand(), artifacts, dir, internal: false });
    lease.takePorts(ports);
    const archived = archives && withClassArchive(name, command, archives.store, !untilKilled);
    const launched = await launch(archived?.command ?? command, { workDir: dir, log, onLine });
    lease.register(name, launched.pid);
    const exited = launched.exited.then(async (exit) => {
      if (exit.code === 0) await archived?.keep();
      await lease.remove();
      return exit;
    });
    return { ...launched, ...classesOf(archived), exited };
  } catch (error) {
    await lease.remove();
    throw error;
  }
}

/** Opens a work folder on this machine. No other program may use it, because it is removed as a whole. */
async function openFolder({ artifacts, runDir, ...options }: StackOptions): Promise<RuntimeHost> {
  const workDir = resolve(options.workDir);
  const logDir = join(resolve(runDir), 'logs');
  if (existsSync(workDir) && readdirSync(workDir).length > 0) {
    throw badInput(
      `the work folder ${workDir} is not empty`,
      'name a folder that does not exist yet',
    );
  }
  const lease = await ResourceLease.open(workDir);
  const scratch = join(workDir, 'tmp');
  await mkdir(scratch, { recursive: true });
  await mkdir(logDir, { recursive: true });
  const [java, postgres] = [javaCommand(), postgresPrograms()];
  const plan = { network: LOOPBACK, artifacts, java, postgres, workDir, logDir };
  return {
    ...processHost(plan, lease, {
      store: archiveFolder(artifacts.classArchives, scratch),
      restarted: options.restarted ?? [],
    }),
    leasePath: lease.path,
    takePorts: (ports) => lease.takePorts(ports),
    attachInfo: () => ({ servers: lease.servers.flatMap(asServer) }),
    detach: () => lease.detach(),
    remove: () => lease.remove(),
  };
}

interface Archives {
  readonly store: ArchiveStore;
  /** Servers that a fault will restart: they must not write their archive then, during the measurement. */
  readonly restarted: readonly ServerName[];
}

function asServer({ server, ...identity }: ProcessIdentity & { readonly server: string }) {
  const named = SERVERS.find((one) => one === server);
  return named === undefined ? [] : [{ server: named, ...identity }];
}

async function writeFiles(plan: Plan): Promise<void> {
  for (const server of plan.servers) {
    const service = COMPONENTS[server];
    for (const dir of service.dirs(plan)) await mkdir(dir, { recursive: true });
    for (const [path, text] of Object.entries(service.files(plan))) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }
}
