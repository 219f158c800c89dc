import { readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/**
 * Niceness of the system under test: on a saturated machine the harness goes first. Generator and census
 * stand for machines of their own; if the servers took their CPU, their own waiting would count as
 * staleness. Servers, query engine and Spark have equal priority.
 */
const NICE = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * With `sched_autogroup` Linux schedules sessions first, and niceness only counts within a session: there
 * the niceness of the session itself is set. The kernel refuses with EAGAIN if another session's was
 * changed in the last 100 ms.
 */
const AUTOGROUP = '/proc/self/autogroup';
const TRIES = 20;
const RETRY_MS = 100;

const YIELD_THEN_EXEC = `
if [ -w ${AUTOGROUP} ]; then
  i=0
  until echo ${NICE} > ${AUTOGROUP} || [ $((i += 1)) -ge ${TRIES} ]; do sleep ${RETRY_MS / 1000}; done
fi 2> /dev/null
exec nice -n ${NICE} "$0" "$@"`;

/**
 * A command line that starts a program with the priority of the system under test. Spawn it `detached`,
 * because the priority applies to its session.
 */
export function withServerPriority(program: string, args: readonly string[]): [string, string[]] {
  return ['/bin/sh', ['-c', YIELD_THEN_EXEC, program, ...args]];
}

/**
 * Gives the calling process that priority; threads that it starts later inherit it. The process must
 * have been started `detached`.
 */
export function takeServerPriority(): void {
  setPriority(NICE);
  for (let i = 0; i < TRIES; i++) {
    try {
      writeFileSync(AUTOGROUP, String(NICE));
      return;
    } catch (error) {
      // A system without autogroups: the niceness of the process is enough.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** The niceness by which Linux schedules a process: that of its session, or its own. */
export interface OwnNiceness {
  readonly of: 'session' | 'process';
  readonly nice: number;
}

/**
 * The effective niceness. `autogroup` is the text of /proc/self/autogroup, `enabled` that of the kernel's
 * switch. With autogroups a process's own niceness has no effect beyond its session.
 */
export function effectiveNiceness(
  autogroup: string | undefined,
  enabled: string | undefined,
  nice: number,
): OwnNiceness {
  const session = /\bnice (-?\d+)/.exec(autogroup ?? '')?.[1];
  if (session === undefined || enabled?.trim() !== '1') return { of: 'process', nice };
  return { of: 'session', nice: Number(session) };
}

/** Effective niceness of the calling process. */
export function ownNiceness(): OwnNiceness {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  };
  const enabled = read('/proc/sys/kernel/sched_autogroup_enabled');
  return effectiveNiceness(read(AUTOGROUP), enabled, getPriority());
}
