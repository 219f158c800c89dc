import { constants, setPriority } from 'node:os';

/**
 * How much the system under test yields to the harness on a saturated machine. The generator and the
 * census stand for machines of their own; starved by the servers beside them, they would report their
 * own waiting as staleness. Among themselves the servers, the query engine and Spark stay equal.
 */
const NICE = constants.priority.PRIORITY_BELOW_NORMAL;

/** A command line that starts a program with the priority of the system under test. */
export function yielding(program: string, args: readonly string[]): [string, string[]] {
  return ['nice', ['-n', String(NICE), program, ...args]];
}

/** Gives the calling process that priority; threads it starts from now on have it too. */
export function yieldFromNow(): void {
  setPriority(NICE);
}
