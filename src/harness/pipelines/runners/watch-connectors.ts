import type { Clock } from '../../../core/clock.ts';
import { stackBroke } from '../../../core/errors.ts';
import type { ConnectorStatus, ConnectRest } from '../../clients/connect-rest.ts';

interface Watched {
  readonly rest: Pick<ConnectRest, 'statuses'>;
  readonly clock: Clock;
  readonly names: readonly string[];
  /** Whether the connectors were removed on purpose. */
  done(): boolean;
  /** Whether a declared fault may be the reason why a task cannot run or Connect does not answer: that time does not count. */
  underDeclaredFault(): boolean;
}

const POLL_MS = 500;
/** Longest time without an answer of Connect, and in which a task may be unable to run, ms. */
const [SILENT_AFTER_MS, NOT_RUNNING_WITHIN_MS] = [30_000, 20_000] as const;

/** What keeps a connector from working; `failed`: Connect does not repair it by itself. null: it works. */
interface Trouble {
  readonly failed: boolean;
  readonly text: string;
}

/**
 * The state of a connector is not that of its tasks: with all tasks FAILED it stays RUNNING, and with one FAILED of
 * several the others go on, so that a part of the partitions is never read.
 */
export function troubleOf(name: string, seen: ConnectorStatus | undefined): Trouble | null {
  if (seen === undefined) return { failed: true, text: `${name} is unknown to Connect` };
  const { state, failure, tasks } = seen;
  if (state === 'FAILED') {
    return { failed: true, text: `${name} is FAILED: ${failure ?? 'Connect gave no cause'}` };
  }
  const failed = tasks.filter((task) => task.state === 'FAILED');
  if (failed.length > 0) {
    const share =
      failed.length === tasks.length ? 'all tasks' : `${failed.length} of ${tasks.length} tasks`;
    const cause = failed[0]?.failure ?? 'Connect gave no cause';
    return { failed: true, text: `${name} says ${state}, and ${share} FAILED: ${cause}` };
  }
  const waiting = tasks.filter((task) => task.state !== 'RUNNING');
  if (state === 'RUNNING' && tasks.length > 0 && waiting.length === 0) return null;
  const states = waiting.map((task) => `task ${task.id} ${task.state}`);
  return {
    failed: false,
    text: `${name} is ${[state, ...(tasks.length === 0 ? ['without tasks'] : states)].join(', ')}`,
  };
}

/**
 * Polls the connectors until `signal` aborts or they are removed. Rejects when a task has FAILED, which Connect never
 * restarts; when one has not been running for 20 s; and when Connect does not answer for 30 s. Time under a declared
 * fault does not count.
 */
export async function watchConnectors(watched: Watched, signal: AbortSignal): Promise<void> {
  const { rest, clock, names } = watched;
  let answeredMs = clock.monotonicMs();
  const workedMs = new Map<string, number>();
  while (!signal.aborted && !watched.done()) {
    const either = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
    const statuses = await rest.statuses(either).catch(() => null);
    const nowMs = clock.monotonicMs();
    if (signal.aborted || watched.done()) return;
    const excused = watched.underDeclaredFault();
    if (excused || statuses !== null) answeredMs = nowMs;
    if (nowMs - answeredMs > SILENT_AFTER_MS) {
      throw stackBroke(
        `Connect has not answered for ${Math.round((nowMs - answeredMs) / 1000)} s, although its process runs`,
        'see connect.log in the run folder',
      );
    }
    for (const name of statuses === null ? [] : names) {
      const seen = statuses?.find((one) => one.name === name);
      const trouble = troubleOf(name, seen);
      if (trouble === null || excused || !workedMs.has(name)) workedMs.set(name, nowMs);
      if (trouble === null || excused) continue;
      const forMs = nowMs - (workedMs.get(name) as number);
      if (trouble.failed || forMs > NOT_RUNNING_WITHIN_MS) {
        throw stackBroke(`connector ${trouble.text}`, 'see connect.log in the run folder');
      }
    }
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}
