import { readProcess } from '../src/harness/clients/proc.ts';

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
