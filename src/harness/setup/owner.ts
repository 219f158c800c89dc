import { readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { identify } from '../process-identity.ts';

/**
 * The owner of a lock or a partial folder: a process, distinguished from a later one with the same id by its
 * start time, on a given machine.
 */
const ownerSchema = z.strictObject({
  pid: z.int().positive(),
  /** Boot and start time; empty without /proc. */
  born: z.string(),
  /** Host name and process namespace: outside of it, it is unknown whether `pid` is running. */
  machine: z.string(),
});
export type Owner = Readonly<z.infer<typeof ownerSchema>>;

/** This process as an owner. */
export function thisOwner(): Owner {
  return { pid: process.pid, born: identify(process.pid)?.born ?? '', machine: thisMachine() };
}

/** Whether the owner still runs; `unknown` on another machine or in another container. */
export function ownerState(owner: Owner): 'alive' | 'dead' | 'unknown' {
  if (owner.machine !== thisMachine()) return 'unknown';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  return (identify(owner.pid)?.born ?? '') === owner.born ? 'alive' : 'dead';
}

/**
 * Names this process the owner, by a symbolic link at `path` whose target is the owner: the one entry of a file system that
 * is created together with its content, so that a process can be killed at any moment and none is ever seen half written.
 * False if there is an entry already.
 */
export function claim(path: string, text = JSON.stringify(thisOwner())): boolean {
  try {
    symlinkSync(text, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The text of a claim, for parseOwner; undefined if there is none, empty if the entry is something else. */
export function readClaim(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code === 'EINVAL') return '';
    throw error;
  }
}

/** Parses the owner in a claim's text; undefined if it is not a valid one. */
export function parseOwner(text: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Processes with an initial environment entry that begins with `prefix` (`NAME=value`). Children inherit the
 * environment, so this finds all running descendants of a killed owner. Empty without /proc.
 */
export function processesWith(prefix: string): number[] {
  return pids().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return entries.some((entry) => entry.startsWith(prefix));
    } catch {
      return false; // Ended meanwhile, or another user's.
    }
  });
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function thisMachine(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
