import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { SERVERS } from '../../core/metrics.ts';
import type { ServerFiles } from '../setup/artifacts.ts';
import { javaCommand } from '../setup/prerequisites.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import type { Beside } from './beside.ts';
import { Claim } from './claim.ts';
import { classesOf, withClassArchive } from './class-archives.ts';
import { COMPONENTS } from './components/components.ts';
import type { Ground } from './ground.ts';
import { KeptRecord, keptPath } from './kept.ts';
import { LOOPBACK, type Plan } from './plan.ts';
import { isAlive, type ProcessIdentity, sweepLeftovers } from './registry.ts';
import type { Launched } from './server.ts';
import { follow, launch } from './server-process.ts';
import type { Runtime, ServerName, StackOptions } from './stack.ts';
import { startSupervised, takeUpSupervised } from './supervised.ts';

/** Child processes of our own: no container engine needed. */
export const processes: Runtime & { readonly kind: 'processes' } = {
  kind: 'processes',
  means: async () => ({}),
  dataDir: async () => temporaryDir(),
  async start(options) {
    options.signal.throwIfAborted();
    await sweepLeftovers(options.clock);
    return startSupervised('processes', options, openFolder);
  },
  async takeUp(kept, options) {
    const { plan } = kept;
    const record = new KeptRecord(kept);
    const following = new AbortController();
    const alive = kept.servers.filter(isAlive);
    return takeUpSupervised(kept, options, {
      ...groundAt(plan, record),
      claimPath: keptPath(kept.name),
      takePorts: () => {},
      traces: () => ({ servers: kept.servers }),
      letGo: () => following.abort(),
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

/** Processes of this machine, which somebody has on record. */
function groundAt(
  plan: Ground['plan'],
  record: Pick<Claim, 'guard' | 'release'>,
  archives?: ArchiveFolders,
): Pick<Ground, 'plan' | 'lay' | 'launch' | 'beside' | 'ended'> {
  return {
    plan,
    lay: writeFiles,
    async launch(server, command, capture) {
      const archived =
        capture || archives === undefined
          ? null
          : withClassArchive(server, command, {
              ...archives,
              mayWrite: !archives.restarted.includes(server),
            });
      const log = join(plan.logDir, `${server}.log`);
      const own = archived?.command ?? command;
      const launched = await launch(own, { workDir: plan.workDir, log, capture });
      record.guard(server, launched.pid);
      return { ...launched, ...classesOf(archived) };
    },
    beside: (program) => launchBeside(plan.artifacts, program, archives),
    async ended({ pid }) {
      if (pid !== null) record.release(pid);
    },
  };
}

/** A program in a folder of its own, on record as a server is, should this process be killed. */
export async function launchBeside(
  artifacts: ServerFiles,
  program: Beside,
  archives?: ArchiveFolders,
): Promise<Launched> {
  const { name, log, onLine } = program;
  const dir = await mkdtemp(join(temporaryDir(), `doorbuster-${name}-`));
  const claim = await Claim.open(dir);
  try {
    await mkdir(join(dir, 'tmp'));
    for (const [file, text] of Object.entries(program.files({ inside: false })))
      await writeFile(join(dir, file), text);
    const command = program.command({ java: javaCommand(), artifacts, dir, inside: false });
    const archived = archives && withClassArchive(name, command, archives);
    const launched = await launch(archived?.command ?? command, { workDir: dir, log, onLine });
    claim.guard(name, launched.pid);
    const exited = launched.exited.then(async (exit) => {
      if (exit.code === 0) await archived?.keep();
      await claim.remove();
      return exit;
    });
    return { ...launched, ...classesOf(archived), exited };
  } catch (error) {
    await claim.remove();
    throw error;
  }
}

/** A folder on this machine. It must be ours alone, since it is removed as a whole. */
async function openFolder({ artifacts, runDir, ...options }: StackOptions): Promise<Ground> {
  const workDir = resolve(options.workDir);
  const logDir = join(resolve(runDir), 'logs');
  if (existsSync(workDir) && readdirSync(workDir).length > 0) {
    throw badInput(
      `the work folder ${workDir} is not empty`,
      'name a folder that does not exist yet',
    );
  }
  const claim = await Claim.open(workDir);
  const scratch = join(workDir, 'tmp');
  await mkdir(scratch, { recursive: true });
  await mkdir(logDir, { recursive: true });
  const plan = { network: LOOPBACK, artifacts, java: javaCommand(), workDir, logDir };
  return {
    ...groundAt(plan, claim, {
      dir: artifacts.classArchives,
      scratch,
      restarted: options.restarted ?? [],
    }),
    claimPath: claim.path,
    takePorts: (ports) => claim.takePorts(ports),
    traces: () => ({ servers: claim.servers.flatMap(asServer) }),
    letGo: () => claim.letGo(),
    remove: () => claim.remove(),
  };
}

interface ArchiveFolders {
  readonly dir: string;
  readonly scratch: string;
  /** Servers that a fault asks to end: they would write their archive right then, while others are measured. */
  readonly restarted: readonly ServerName[];
}

function asServer({ server, ...identity }: ProcessIdentity & { readonly server: string }) {
  const named = SERVERS.find((one) => one === server);
  return named === undefined ? [] : [{ server: named, ...identity }];
}

async function writeFiles(plan: Plan): Promise<void> {
  for (const server of SERVERS) {
    const service = COMPONENTS[server];
    for (const dir of service.dirs(plan)) await mkdir(dir, { recursive: true });
    for (const [path, text] of Object.entries(service.files(plan))) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }
}
