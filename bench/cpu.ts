import { pbkdf2 } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { parseProcessStat, readProcess } from '../src/harness/clients/proc.ts';

/** CPU seconds of this process, all of its threads. */
export function ownCpuS(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** CPU seconds of children that have ended. */
export function endedChildrenCpuS(): number {
  return readProcess(process.pid)?.reapedS ?? Number.NaN;
}

/** CPU seconds of processes by name. */
export function cpuOf(
  processes: readonly { readonly server: string; readonly pid: number }[],
): ReadonlyMap<string, number> {
  return new Map(
    processes.map(({ server, pid }) => [server, readProcess(pid)?.ownS ?? Number.NaN] as const),
  );
}

/** CPU seconds of each thread of this process, by its id. The main thread has the id of the process. */
export function threadsS(): ReadonlyMap<number, number> {
  return new Map(
    readdirSync('/proc/self/task').flatMap((id): [number, number][] => {
      try {
        const stat = parseProcessStat(readFileSync(`/proc/self/task/${id}/stat`, 'utf8'));
        return [[stat.pid, stat.ownS]];
      } catch {
        // It has ended since it was listed.
        return [];
      }
    }),
  );
}

/** Threads of libuv's pool, in which DuckDB and file access run: those that work while the pool is kept busy. */
export async function poolThreads(): Promise<ReadonlySet<number>> {
  const before = threadsS();
  const work = () => promisify(pbkdf2)('password', 'salt', POOL_ITERATIONS, 32, 'sha256');
  await Promise.all(Array.from({ length: POOL_THREADS }, work));
  const busy = [...threadsS()].filter(([id, s]) => s - (before.get(id) ?? 0) >= POOL_LEAST_S);
  return new Set(busy.map(([id]) => id).filter((id) => id !== process.pid));
}

const POOL_THREADS = 4;
/** About 0.3 s each. */
const POOL_ITERATIONS = 600_000;
const POOL_LEAST_S = 0.1;
