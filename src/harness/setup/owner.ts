import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { identify } from '../process-identity.ts';

/**
 * Who holds a lock or a half-filled folder: a process, told apart from a later one with the same
 * number by when it started, on a machine whose processes we can see.
 */
const ownerSchema = z.strictObject({
  pid: z.int().positive(),
  /** Boot and start time; empty where there is no /proc. */
  born: z.string(),
  /** Host name and process namespace: outside it, nobody can tell whether `pid` lives. */
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

/** Reads an owner out of a file's text; undefined when it holds none. */
export function parseOwner(text: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Processes in whose environment, as given when they started, an entry begins with `prefix`
 * (`NAME=value`). Children inherit it, so this finds what a killed owner left running, however
 * deep. Empty without /proc.
 */
export function processesWith(prefix: string): number[] {
  return pids().filter((pid) => {
    if (pid === process.pid) return false;
    try {
      const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return entries.some((entry) => entry.startsWith(prefix));
    } catch {
      return false; // Ended meanwhile, or somebody else's.
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
