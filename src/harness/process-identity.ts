import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A process as it is stored in a file. */
export const processSchema = z.strictObject({
  pid: z.int().positive(),
  /** Boot and start time, because process ids are reused. */
  born: z.string(),
});

/** A process, distinguishable from a later one with the same id. */
export type ProcessIdentity = Readonly<z.infer<typeof processSchema>>;

/**
 * The process that has this id now; null if there is none, it is a zombie, or the machine has no /proc:
 * then no process counts as a leftover.
 */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, which may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { pid, born: `${boot}/${fields[19]}` };
  } catch {
    return null;
  }
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.born === process.born;
}
