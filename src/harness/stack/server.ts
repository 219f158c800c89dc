import type { Clock } from '../../core/clock.ts';
import { type DoorbusterError, stackBroke } from '../../core/errors.ts';
import { kafkaAnswers } from '../clients/kafka-admin.ts';
import { postgresAnswers } from '../clients/postgres-answers.ts';
import { redisAnswers } from '../clients/redis-answers.ts';
import { diskWasFull, innermostCause, logTail, portWasTaken } from './cause.ts';
import type { Readiness } from './components/component.ts';
import { HOST, type Ports } from './plan.ts';
import type { ServerName } from './stack.ts';

/** How a program ended; without code and signal if that is unknown. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether it exceeded the memory limit of its container. */
  readonly outOfMemory?: boolean;
}

/** Signals by which servers end in order. */
export type EndSignal = 'SIGTERM' | 'SIGINT';

/** A started program, in any runtime. */
export interface Launched {
  /** Its process id on this machine; null if it runs elsewhere, or is not visible. */
  readonly pid: number | null;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** Its standard output, if that was captured. */
  readonly printed: () => string;
  /** Signals it and its children; does nothing if it has ended. */
  readonly kill: (signal: EndSignal | 'SIGKILL') => void;
  /** Pauses it and its children until `resume`: its sockets stay open and silent. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  /**
   * Present if its JVM writes a class archive at its exit, unless killed. To be called after that, to make the archive
   * that of the next start.
   */
  readonly keepClasses?: () => Promise<void>;
  /** Whether its JVM used a class archive; absent if it cannot have one. */
  readonly fromArchive?: boolean;
}

/**
 * Checks once whether a server is ready: its response, or null. Refused connections and timeouts mean not ready, not an
 * error. `earlier` is the response with which it was ready before its end.
 */
export async function readyAnswer(
  readiness: Readiness,
  ports: Ports,
  earlier: string | null,
): Promise<string | null> {
  const at = `${HOST}:${ports[readiness.port]}`;
  if (readiness.kind === 'kafka') return (await kafkaAnswers({ brokers: [at] })) ? '' : null;
  if (readiness.kind === 'redis') {
    return (await redisAnswers(HOST, ports[readiness.port])) ? '' : null;
  }
  if (readiness.kind === 'postgres') {
    return (await postgresAnswers(HOST, ports[readiness.port])) ? '' : null;
  }
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
/** The error for a server that exited unexpectedly, with the cause from its log; `ports` are its ports. */
export function exitError(
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
  // The exit code of another process's child is unknown.
  return code === null ? 'exit code unknown' : `exit code ${code}`;
}

/** The error for a server that runs but did not become ready. */
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
 * Ends a program with SIGTERM or another signal, and with SIGKILL after `graceMs` or when `hurry` aborts. Resolves when
 * it has ended.
 */
export async function end(
  launched: Launched,
  clock: Clock,
  graceMs: number,
  {
    hurry,
    by = 'SIGTERM',
  }: { readonly hurry?: AbortSignal; readonly by?: EndSignal | undefined } = {},
): Promise<void> {
  const gone = new AbortController();
  const exited = launched.exited.then(() => gone.abort());
  launched.kill(by);
  const enough = hurry ? AbortSignal.any([gone.signal, hurry]) : gone.signal;
  await clock.sleep(graceMs, enough).catch(() => {});
  if (!gone.signal.aborted) launched.kill('SIGKILL');
  await exited;
  // A child of the program may still be running.
  launched.kill('SIGKILL');
}
