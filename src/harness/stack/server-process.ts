import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { badInput, type DoorbusterError, stackBroke } from '../../core/errors.ts';
import { kafkaAnswers } from '../clients/kafka-admin.ts';
import { yielding } from '../priority.ts';
import { onPath } from '../setup/on-path.ts';
import { diskWasFull, innermostCause, logTail, portWasTaken } from './cause.ts';
import { killGroup } from './registry.ts';
import type { Command, Readiness } from './services.ts';
import type { ServerName } from './stack.ts';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A started program, leader of its own process group. */
export interface Launched {
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** What it printed on standard output, when that was asked for. */
  readonly printed: () => string;
}

/**
 * The environment of every server: what a program needs to run, and nothing else of the user's
 * shell, so that a stray JAVA_TOOL_OPTIONS or AWS_PROFILE never shapes what is measured.
 */
function serverEnvironment(workDir: string, own: Readonly<Record<string, string>>) {
  const passed = ['PATH', 'JAVA_HOME', 'LD_LIBRARY_PATH', 'GOMAXPROCS'];
  return {
    ...Object.fromEntries(
      passed.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
    HOME: workDir,
    TMPDIR: `${workDir}/tmp`,
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    ...own,
  };
}

/**
 * Starts a program with its output appended to `log`; with `capture`, standard output is kept in
 * memory instead. Its own process group keeps a Ctrl-C of the terminal away from it.
 */
export async function launch(
  command: Command,
  options: { readonly workDir: string; readonly log: string; readonly capture?: boolean },
): Promise<Launched> {
  // The program is started through another one, whose own failure to find it would come too late.
  if (!isThere(command.program)) throw notStarted(command.program, 'no such program');
  const log = openSync(options.log, 'a');
  try {
    const child = spawn(...yielding(command.program, command.args), {
      cwd: options.workDir,
      detached: true,
      env: serverEnvironment(options.workDir, command.env),
      stdio: ['ignore', options.capture ? 'pipe' : log, log],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const exited = new Promise<Exit>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(notStarted(command.program, cause.message)));
    });
    return { pid: child.pid!, exited, printed: () => Buffer.concat(chunks).toString('utf8') };
  } finally {
    closeSync(log);
  }
}

function isThere(program: string): boolean {
  return program.includes('/') ? existsSync(program) : onPath(program) !== undefined;
}

function notStarted(program: string, why: string): DoorbusterError {
  return badInput(`${program} cannot be started: ${why}`, 'doorbuster doctor');
}

/** One look at whether a server is ready. Refusals and time-outs are a no, not an error. */
export async function isReady(readiness: Readiness): Promise<boolean> {
  if (readiness.kind === 'kafka') return kafkaAnswers(readiness.brokers);
  try {
    const response = await fetch(readiness.url, { signal: AbortSignal.timeout(5_000) });
    const body = await response.text();
    return response.status === 200 && (readiness.says?.(body) ?? true);
  } catch {
    return false;
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
  const how = exit.signal ? `killed by ${exit.signal}` : `exit code ${exit.code}`;
  const cause = innermostCause(tail) ?? 'its log names no error';
  const hint =
    exit.signal === 'SIGKILL'
      ? `dmesg | tail   # SIGKILL comes from outside, often for want of memory; its log: ${log}`
      : diskWasFull(cause)
        ? `df -h   # then free some space, or name a roomier folder by TMPDIR; its log: ${log}`
        : taken
          ? `ss -ltnp | grep -E '${ports.join('|')}'   # shows who listens there; its log: ${log}`
          : `less ${log}`;
  const where = taken && ports.length > 0 ? ` (its ports: ${ports.join(', ')})` : '';
  return {
    error: stackBroke(`${server} died ${when} (${how}): ${cause}${where}`, hint),
    portWasTaken: taken,
  };
}

/** A server that runs but did not become ready. */
export function neverReady(server: ServerName, withinMs: number, log: string): DoorbusterError {
  const tail = logTail(log);
  const cause = innermostCause(tail) ?? lastLine(tail);
  return stackBroke(
    `${server} was not ready within ${withinMs / 1000} s; the last it said: ${cause}`,
    `less ${log}`,
  );
}

function lastLine(tail: string): string {
  return tail.trimEnd().split('\n').at(-1) || 'its log is empty';
}

/**
 * Asks a process group to end, and makes it after `graceMs` or when `hurry` aborts. Resolves when it
 * has ended.
 */
export async function end(
  launched: Launched,
  clock: Clock,
  graceMs: number,
  hurry?: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  const exited = launched.exited.then(() => gone.abort());
  killGroup(launched.pid, 'SIGTERM');
  const enough = hurry ? AbortSignal.any([gone.signal, hurry]) : gone.signal;
  await clock.sleep(graceMs, enough).catch(() => {});
  if (!gone.signal.aborted) killGroup(launched.pid, 'SIGKILL');
  await exited;
  // A child of the server may have outlived it.
  killGroup(launched.pid, 'SIGKILL');
}
