import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import { innermostCause, logTail } from './cause.ts';
import type { Exit, Launched } from './server.ts';
import type { Jit, Stack } from './stack.ts';

/** Longest wait for a session, ms. They take 10 to 20 s to start on a machine that does nothing else. */
const START_WITHIN_MS = 180_000;

/** How a session of a query engine is started. */
export interface SessionOptions {
  readonly stack: Pick<Stack, 'endpoints' | 'launch'>;
  readonly clock: Clock;
  readonly threads: number;
  readonly heapMiB?: number;
  /** How it is compiled; `c1` starts in half of the CPU time and answers more slowly. By default `full`. */
  readonly jit?: Jit;
  /** File for what the engine logs; it is emptied first. */
  readonly log: string;
  readonly signal: AbortSignal;
  /** Called when its process has been started, before it is ready. */
  readonly onLaunched?: (launched: Launched) => void;
}

/** A program that is about to become a session, and the line on standard output with which it says that it is one. */
interface SessionProgram {
  /** The engine's name, for errors. */
  readonly title: string;
  readonly program: Omit<AuxiliaryProcess, 'onLine' | 'log'>;
  readonly readyLine: string;
  /** Called with every other line of its standard output. */
  readonly onLine?: (line: string) => void;
}

/** The process of a session that is ready. */
export interface SessionProcess {
  readonly launched: Launched;
  /** Resolves when the process has ended. */
  readonly exited: Promise<Exit>;
  /** Time from the start of the process to its readiness, ms. */
  readonly attachMs: number;
}

/**
 * Starts the process of a session and waits until it is ready. Rejects with a DoorbusterError if it does not start, and
 * with the signal's reason; then it has ended.
 */
export async function startSessionProcess(
  { title, program, readyLine, onLine }: SessionProgram,
  { stack, clock, log, signal, onLaunched }: SessionOptions,
): Promise<SessionProcess> {
  signal.throwIfAborted();
  await mkdir(dirname(log), { recursive: true });
  // Start with an empty log: an earlier one could contain the cause of another failure.
  await writeFile(log, '');
  const startedMs = clock.monotonicMs();
  const ready = new AbortController();
  const launched = await stack.launch({
    ...program,
    onLine: (line) => (line === readyLine ? ready.abort() : onLine?.(line)),
    log,
  } satisfies AuxiliaryProcess);
  onLaunched?.(launched);
  const ended = new AbortController();
  const exited = launched.exited.finally(() => ended.abort());
  const over = AbortSignal.any([ready.signal, ended.signal, signal]);
  await clock.sleep(START_WITHIN_MS, over).catch(() => {});
  if (!ready.signal.aborted || ended.signal.aborted || signal.aborted) {
    launched.kill('SIGKILL');
    await exited;
    signal.throwIfAborted();
    const how = over.aborted ? 'it ended' : `not ready within ${START_WITHIN_MS / 1_000} s`;
    throw stackBroke(
      `${title} did not start: ${innermostCause(logTail(log)) ?? how}`,
      `less ${log}`,
    );
  }
  return { launched, exited, attachMs: clock.monotonicMs() - startedMs };
}
