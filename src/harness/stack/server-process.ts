import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Clock } from '../../core/clock.ts';
import { badInput, type DoorbusterError } from '../../core/errors.ts';
import { readProcesses } from '../clients/proc.ts';
import { withServerPriority } from '../priority.ts';
import { isAlive, type ProcessIdentity } from '../process-identity.ts';
import { onPath } from '../setup/on-path.ts';
import type { Command } from './components/component.ts';
import { killGroup } from './registry.ts';
import type { Exit, Launched } from './server.ts';

/**
 * The environment of every server: only what a program needs to run, so that a JAVA_TOOL_OPTIONS or AWS_PROFILE of
 * the user's shell cannot affect the measurement.
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
 * Starts a program with its output appended to `log`; with `capture`, standard output is kept in memory instead, and
 * with `onLine` passed on line by line. It has its own process group, so that it does not get the terminal's Ctrl-C.
 */
export async function launch(
  command: Command,
  options: {
    readonly workDir: string;
    readonly log: string;
    readonly capture?: boolean;
    readonly onLine?: (line: string) => void;
  },
): Promise<Launched & { readonly pid: number }> {
  // The program is started through a shell, which would report a missing program too late.
  if (!isThere(command.program)) throw notStarted(command.program, 'no such program');
  const log = openSync(options.log, 'a');
  try {
    const child = spawn(...withServerPriority(command.program, command.args), {
      cwd: options.workDir,
      detached: true,
      env: serverEnvironment(options.workDir, command.env),
      stdio: ['ignore', options.capture || options.onLine ? 'pipe' : log, log],
    });
    const chunks: Buffer[] = [];
    if (options.onLine && child.stdout) {
      createInterface({ input: child.stdout }).on('line', options.onLine);
    } else child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    const exited = new Promise<Exit>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(notStarted(command.program, cause.message)));
    });
    const pid = child.pid!;
    return {
      pid,
      exited,
      printed: () => Buffer.concat(chunks).toString('utf8'),
      kill: (signal) => void killGroup(pid, signal),
      pause: () => signalAll(pid, 'SIGSTOP'),
      resume: () => signalAll(pid, 'SIGCONT'),
    };
  } finally {
    closeSync(log);
  }
}

const LOOK_MS = 500;

/** Follows a program that another process launched, until `signal` aborts. */
export function follow(identity: ProcessIdentity, clock: Clock, signal: AbortSignal): Launched {
  const { pid } = identity;
  const gone = async (): Promise<Exit> => {
    while (isAlive(identity)) await clock.sleep(LOOK_MS, signal);
    return { code: null, signal: null };
  };
  return {
    pid,
    // After an abort its end is never reported.
    exited: gone().catch(() => new Promise<never>(() => {})),
    printed: () => '',
    kill: (kind) => void killGroup(pid, kind),
    pause: () => signalAll(pid, 'SIGSTOP'),
    resume: () => signalAll(pid, 'SIGCONT'),
  };
}

/** Signals a group, then the other processes that its leader started: Postgres gives each session a group of its own. */
async function signalAll(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  killGroup(pid, signal);
  const all = [...(await readProcesses()).values()];
  const own = new Set([pid]);
  for (const one of own) {
    for (const { pid: child, parent } of all) if (parent === one) own.add(child);
  }
  own.delete(pid);
  for (const one of own) killGroup(one, signal);
}

function isThere(program: string): boolean {
  return program.includes('/') ? existsSync(program) : onPath(program) !== undefined;
}

function notStarted(program: string, why: string): DoorbusterError {
  return badInput(`${program} cannot be started: ${why}`, 'doorbuster doctor');
}
