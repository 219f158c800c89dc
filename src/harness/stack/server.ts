import type { Clock } from '../../core/clock.ts';
import { type DoorbusterError, stackBroke } from '../../core/errors.ts';
import { kafkaAnswers } from '../clients/kafka-admin.ts';
import { diskWasFull, innermostCause, logTail, portWasTaken } from './cause.ts';
import type { Readiness } from './components/component.ts';
import { HOST, type Ports } from './plan.ts';
import type { ServerName } from './stack.ts';

/** How a program ended; without code and signal, nobody saw it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It took more memory than its container may. */
  readonly outOfMemory?: boolean;
}

/** A program that was started, wherever it runs. */
export interface Launched {
  /** Its process on this machine; null where it runs on another, or out of sight. */
  readonly pid: number | null;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** What it printed on standard output, when that was asked for. */
  readonly printed: () => string;
  /** Signals it and whatever it has started; nothing happens when it is gone. */
  readonly kill: (signal: 'SIGTERM' | 'SIGKILL') => void;
  /** Stops it where it stands, and whatever it has started, until `thaw`: its sockets stay open and silent. */
  readonly freeze: () => Promise<void>;
  readonly thaw: () => Promise<void>;
  /**
   * There when its JVM writes its classes down as it ends, unless killed: to be called after that,
   * to make them those of the next start.
   */
  readonly keepClasses?: () => Promise<void>;
  /** Whether its JVM took its classes from an archive; left out where archives are not for it. */
  readonly fromArchive?: boolean;
}

/**
 * One look at whether a server is ready: what was answered, or null. Refusals and time-outs are a no,
 * not an error. `earlier` is what was answered when it was ready before it ended.
 */
export async function readyAnswer(
  readiness: Readiness,
  ports: Ports,
  earlier: string | null,
): Promise<string | null> {
  const at = `${HOST}:${ports[readiness.port]}`;
  if (readiness.kind === 'kafka') return (await kafkaAnswers([at])) ? '' : null;
  try {
    const response = await fetch(`http://${at}${readiness.path}`, {
      signal: AbortSignal.timeout(5_000),
    });
    const body = await response.text();
    return response.status === 200 && (readiness.says?.(body, earlier) ?? true) ? body : null;
  } catch {
    return null;
  }
}
/** A server that ended without being asked to: who, how, and why by its own log; `ports` are its own. */
export function deathOf(
  server: ServerName,
  exit: Exit,
  log: string,
  when: string,
  ports: readonly number[] = [],
): { readonly error: DoorbusterError; readonly portWasTaken: boolean } {
  const tail = logTail(log);
  const taken = portWasTaken(tail);
  const how = howItEnded(exit);
  const cause = innermostCause(tail) ?? 'its log names no error';
  const hint =
    exit.signal === 'SIGKILL'
      ? `dmesg | tail   # SIGKILL comes from outside, often because memory is short; its log: ${log}`
      : diskWasFull(cause)
        ? `df -h   # then free some space, or set TMPDIR to a larger folder; its log: ${log}`
        : taken
          ? `ss -ltnp | grep -E '${ports.join('|')}'   # shows who listens there; its log: ${log}`
          : `less ${log}`;
  const where = taken && ports.length > 0 ? ` (its ports: ${ports.join(', ')})` : '';
  return {
    error: stackBroke(`${server} exited ${when} (${how}): ${cause}${where}`, hint),
    portWasTaken: taken,
  };
}

function howItEnded({ outOfMemory, signal, code }: Exit): string {
  if (outOfMemory) return 'killed at the memory limit of its container';
  if (signal) return `killed by ${signal}`;
  // The process of another cannot be waited for, only missed.
  return code === null ? 'exit code unknown' : `exit code ${code}`;
}

/** A server that runs but did not become ready. */
export function neverReady(server: ServerName, withinMs: number, log: string): DoorbusterError {
  const tail = logTail(log);
  const cause = innermostCause(tail) ?? lastLine(tail);
  return stackBroke(
    `${server} was not ready within ${withinMs / 1000} s; its last message: ${cause}`,
    `less ${log}`,
  );
}

function lastLine(tail: string): string {
  return tail.trimEnd().split('\n').at(-1) || 'its log is empty';
}

/**
 * Asks a program to end, and makes it after `graceMs` or when `hurry` aborts. Resolves when it has
 * ended.
 */
export async function end(
  launched: Launched,
  clock: Clock,
  graceMs: number,
  hurry?: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  const exited = launched.exited.then(() => gone.abort());
  launched.kill('SIGTERM');
  const enough = hurry ? AbortSignal.any([gone.signal, hurry]) : gone.signal;
  await clock.sleep(graceMs, enough).catch(() => {});
  if (!gone.signal.aborted) launched.kill('SIGKILL');
  await exited;
  // A child of the server may have outlived it.
  launched.kill('SIGKILL');
}
