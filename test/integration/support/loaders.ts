import { readdirSync, readFileSync } from 'node:fs';

/** Loaders that this process has started. */
export function loaders(): readonly number[] {
  return readdirSync('/proc')
    .filter((pid) => {
      try {
        const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return Number(parent) === process.pid && line.includes('loader-child');
      } catch {
        return false;
      }
    })
    .map(Number);
}
