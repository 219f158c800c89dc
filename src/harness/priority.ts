import { readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

/**
 * How much the system under test yields to the harness on a saturated machine. The generator and the
 * census stand for machines of their own; starved by the servers beside them, they would report their
 * own waiting as staleness. Among themselves the servers, the query engine and Spark stay equal.
 */
const NICE = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * Linux shares cores out by session first where `sched_autogroup` is on, and niceness counts only
 * within one: there the session itself is to yield. It is refused with EAGAIN when another was
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
 * A command line that starts a program with the priority of the system under test. To be spawned
 * `detached`: a session of its own is what yields.
 */
export function yielding(program: string, args: readonly string[]): [string, string[]] {
  return ['/bin/sh', ['-c', YIELD_THEN_EXEC, program, ...args]];
}

/**
 * Gives the calling process that priority; threads it starts from now on have it too. It is to have
 * been started `detached`.
 */
export function yieldFromNow(): void {
  setPriority(NICE);
  for (let i = 0; i < TRIES; i++) {
    try {
      writeFileSync(AUTOGROUP, String(NICE));
      return;
    } catch (error) {
      // A system without sessions of this kind has nothing more to yield.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** Who yields to others on this machine, and by how much: the session of a process, or itself. */
export interface OwnNiceness {
  readonly of: 'session' | 'process';
  readonly nice: number;
}

/**
 * The niceness that counts. `autogroup` is the text of /proc/self/autogroup, `enabled` that of the
 * kernel's switch; where sessions share the cores out, a process's own says nothing beyond its session.
 */
export function nicenessThatCounts(
  autogroup: string | undefined,
  enabled: string | undefined,
  nice: number,
): OwnNiceness {
  const session = /\bnice (-?\d+)/.exec(autogroup ?? '')?.[1];
  if (session === undefined || enabled?.trim() !== '1') return { of: 'process', nice };
  return { of: 'session', nice: Number(session) };
}

/** That of the calling process; nothing is changed. */
export function ownNiceness(): OwnNiceness {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  };
  const enabled = read('/proc/sys/kernel/sched_autogroup_enabled');
  return nicenessThatCounts(read(AUTOGROUP), enabled, getPriority());
}
