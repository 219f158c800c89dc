import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { SERVERS } from '../../core/metrics.ts';
import { javaCommand } from '../setup/prerequisites.ts';
import { Claim } from './claim.ts';
import { withClassArchive } from './class-archives.ts';
import { LOOPBACK, type Plan } from './plan.ts';
import { sweepLeftovers } from './registry.ts';
import { launch } from './server-process.ts';
import { SERVICES } from './services.ts';
import type { Runtime, StackOptions } from './stack.ts';
import { type Ground, startSupervised } from './supervised.ts';

/** Child processes of our own: no container engine needed. */
export const processes: Runtime & { readonly kind: 'processes' } = {
  kind: 'processes',
  async start(options) {
    options.signal.throwIfAborted();
    await sweepLeftovers(options.clock);
    return startSupervised('processes', options, openFolder);
  },
};

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
  return {
    plan: { network: LOOPBACK, artifacts, java: javaCommand(), workDir, logDir },
    claimPath: claim.path,
    takePorts: (ports) => claim.takePorts(ports),
    lay: writeFiles,
    async launch(server, command, capture) {
      const archived = capture
        ? null
        : withClassArchive(server, command, { dir: artifacts.classArchives, scratch });
      const log = join(logDir, `${server}.log`);
      const launched = await launch(archived?.command ?? command, { workDir, log, capture });
      claim.guard(server, launched.pid);
      return archived?.writes ? { ...launched, keepClasses: archived.keep } : launched;
    },
    async ended({ pid }) {
      if (pid !== null) claim.release(pid);
    },
    remove: () => claim.remove(),
  };
}

async function writeFiles(plan: Plan): Promise<void> {
  for (const server of SERVERS) {
    const service = SERVICES[server];
    for (const dir of service.dirs(plan)) await mkdir(dir, { recursive: true });
    for (const [path, text] of Object.entries(service.files(plan))) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }
}
