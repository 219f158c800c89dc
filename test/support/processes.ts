import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Processes other than this one whose command line or environment names a folder: leftovers of a run. */
export function processesNaming(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const text = ['cmdline', 'environ'].map((file) =>
          readFileSync(`/proc/${pid}/${file}`, 'utf8'),
        );
        return text.join('\0').includes(folder);
      } catch {
        return false;
      }
    });
}

/** The watchdog shells of a process. */
export function watchdogsOf(owner: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1];
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return Number(parent) === owner && command.includes('doorbuster-watchdog');
      } catch {
        return false;
      }
    });
}

/** Processes in this folder whose command line begins with this one. */
export function processesRunning(command: readonly string[], cwd: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.startsWith(command.join('\0')) && readlinkSync(`/proc/${pid}/cwd`) === cwd;
      } catch {
        return false;
      }
    });
}
