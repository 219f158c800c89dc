import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** As a process is written in a file. */
export const processSchema = z.strictObject({
  pid: z.int().positive(),
  /** Boot and start time: a process id alone comes round again. */
  born: z.string(),
});

/** A process that cannot be confused with a later one of the same id. */
export type ProcessIdentity = Readonly<z.infer<typeof processSchema>>;

/**
 * Who this process id is right now, or null when nobody is, it is a zombie, or the machine has no
 * /proc: then nothing is ever taken for a leftover.
 */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything.
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
