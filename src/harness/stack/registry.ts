import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../../core/text-file.ts';
import { removeIncompleteFiles } from '../../record/folder.ts';
import { writeAtomically } from '../../record/write.ts';
import { identify, isAlive, type ProcessIdentity, processSchema } from '../process-identity.ts';
import { isHome, xdgDir } from '../setup/user-dirs.ts';
import { engineHere, sweepSession } from './session.ts';

/**
 * The running stacks of this user, one file each: to find and remove leftovers of a killed process, and to
 * keep the ports of concurrent runs distinct.
 */
const registrationSchema = z.strictObject({
  version: z.literal(1),
  owner: processSchema,
  workDir: z.string(),
  /** The folder with the record of its run; absent if there is none. */
  run: z.string().optional(),
  /** The label of its containers; absent if its servers are processes. */
  session: z.string().optional(),
  ports: z.array(z.int()),
  servers: z.array(processSchema.extend({ server: z.string() })),
});

type Registration = Readonly<z.infer<typeof registrationSchema>>;

/** Leftovers of a killed process that a sweep removed. */
interface SweptLeftovers {
  /** The process that was killed. */
  readonly owner: ProcessIdentity;
  readonly workDir: string;
  readonly run: string | null;
  /** Servers that were still running; usually the watchdog has already ended them. */
  readonly killed: readonly { readonly server: string; readonly pid: number }[];
  /** Names of leftover containers; null: no engine answered to remove them. */
  readonly containers: readonly string[] | null;
  /** `gone`: the watchdog has removed it. `kept`: it could not be removed, or has no marker of ours. */
  readonly folder: 'removed' | 'gone' | 'kept';
}

/** Marker file of a work folder: only folders with it are removed as leftovers. */
export const MARKER = '.doorbuster-stack';

/** XDG_STATE_HOME/doorbuster/stacks, or ~/.local/state/doorbuster/stacks. */
export function defaultRegistryDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(xdgDir('XDG_STATE_HOME', join('.local', 'state'), env), 'stacks');
}

/** The entry of one stack; `write` replaces it as a whole. */
export interface RegistryEntry {
  readonly path: string;
  write(registration: Registration): void;
  remove(): void;
}

/** A new entry with a unique name; it is registered with its first `write`. */
export function newEntry(registryDir: string): RegistryEntry {
  mkdirSync(registryDir, { recursive: true, mode: 0o700 });
  const path = join(registryDir, `${randomUUID()}.json`);
  return {
    path,
    write(registration) {
      writeAtomically(path, JSON.stringify(registration), { mode: 0o600 });
    },
    remove: () => rmSync(path, { force: true }),
  };
}

/** Every registered stack, running or left over. Unreadable files are skipped. */
export function registrations(
  registryDir: string,
): readonly { readonly path: string; readonly registration: Registration }[] {
  if (!existsSync(registryDir)) return [];
  return readdirSync(registryDir)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const path = join(registryDir, name);
      const registration = read(path);
      return registration ? [{ path, registration }] : [];
    });
}

function read(path: string): Registration | undefined {
  try {
    return registrationSchema.safeParse(
      JSON.parse(readTextFile(path, { limitBytes: WRITTEN_BY_HAND })),
    ).data;
  } catch {
    // Just removed by its owner.
    return undefined;
  }
}

/** Ports that running stacks other than `self` have registered. */
export function claimedPorts(registryDir: string, self?: string): ReadonlySet<number> {
  return new Set(
    registrations(registryDir)
      .filter(({ path, registration }) => path !== self && isAlive(registration.owner))
      .flatMap(({ registration }) => registration.ports),
  );
}

/** Processes other than this one that own a registered stack: the other runs on this machine. */
export function otherOwners(registryDir = defaultRegistryDir()): readonly number[] {
  const owners = registrations(registryDir)
    .map(({ registration }) => registration.owner)
    .filter((owner) => owner.pid !== process.pid && isAlive(owner));
  // A run has an entry for its servers, and one for Spark while it compacts.
  return [...new Set(owners.map(({ pid }) => pid))];
}

/**
 * Kills the servers and removes the folders of every stack whose owner has ended. Servers are identified by process
 * id and start time, so those of a running run, or unrelated processes, are never affected.
 */
export async function sweepLeftovers(
  clock: Clock,
  registryDir = defaultRegistryDir(),
): Promise<readonly SweptLeftovers[]> {
  const swept: SweptLeftovers[] = [];
  for (const { path, registration } of registrations(registryDir)) {
    const { owner, workDir, run = null, session } = registration;
    if (isAlive(owner)) continue;
    const onRecord = registration.servers.filter(isAlive);
    const killed = [...onRecord, ...unrecorded(workDir, onRecord)];
    for (const { pid } of killed) killGroup(pid, 'SIGKILL');
    for (let waits = 0; waits < 50 && killed.some(isAlive); waits++) await clock.sleep(100);
    const containers = session === undefined ? [] : await sweptContainers(session);
    const folder = await removed(workDir);
    if (run !== null) await removeIncompleteFiles(run);
    // The next start retries what could not be removed now.
    if (containers !== null && (folder !== 'kept' || !isOurs(workDir)))
      rmSync(path, { force: true });
    swept.push({
      ...{ owner, workDir, run, folder, containers },
      killed: killed.map(({ server, pid }) => ({ server, pid })),
    });
  }
  return swept;
}

/**
 * Unregistered servers of a work folder: their owner was killed between their start and their registration. Every
 * server has that folder as its HOME.
 */
function unrecorded(
  workDir: string,
  known: readonly ProcessIdentity[],
): readonly (ProcessIdentity & { readonly server: string })[] {
  // Never match every process of a user, whatever is registered.
  if (isHome(workDir) || !existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && !known.some(({ pid }) => pid === Number(name)))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        if (!environment.includes(`HOME=${workDir}`)) return [];
      } catch {
        // It has ended, or belongs to another user.
        return [];
      }
      const identity = identify(Number(name));
      return identity === null ? [] : [{ server: `process ${name}`, ...identity }];
    });
}

async function sweptContainers(session: string): Promise<readonly string[] | null> {
  return engineHere()
    .then((engine) => sweepSession(session, engine))
    .catch(() => null);
}

function isOurs(workDir: string): boolean {
  return existsSync(join(workDir, MARKER));
}

async function removed(workDir: string): Promise<SweptLeftovers['folder']> {
  if (!existsSync(workDir)) return 'gone';
  if (!isOurs(workDir)) return 'kept';
  return rm(workDir, { recursive: true, force: true, maxRetries: 5 }).then(
    () => 'removed' as const,
    () => 'kept' as const,
  );
}

/** Report of a sweep: one line per killed process. */
export function sweptLines(swept: readonly SweptLeftovers[]): readonly string[] {
  const owners = [...new Set(swept.map(({ owner }) => owner.born))];
  return owners.map((born) => {
    const parts = swept.filter(({ owner }) => owner.born === born);
    const run = parts.find((part) => part.run !== null)?.run;
    const servers = parts.flatMap(({ killed }) => killed.map(({ server }) => server));
    const containers = parts.flatMap((part) => part.containers ?? []);
    const unreached = parts.some((part) => part.containers === null);
    const folders = (what: SweptLeftovers['folder']) =>
      parts.filter(({ folder }) => folder === what).map(({ workDir }) => workDir);
    const done = [
      ...(servers.length > 0 ? [`ended ${servers.join(', ')}, which were still running`] : []),
      ...(containers.length > 0 ? [`removed the containers ${containers.join(', ')}`] : []),
      ...(unreached ? ['could not reach the container engine that its servers were in'] : []),
      ...(folders('removed').length > 0 ? [`removed ${folders('removed').join(', ')}`] : []),
      ...(folders('kept').length > 0 ? [`could not remove ${folders('kept').join(', ')}`] : []),
    ];
    const found =
      done.length > 0 ? done.join('; ') : 'its servers had ended and its data was removed';
    const what = run ? `the run ${run}` : 'an earlier doorbuster';
    return `${what} was killed (process ${parts[0]?.owner.pid}): ${found}`;
  });
}

/** Signals a whole process group; false if it no longer exists. */
export function killGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
