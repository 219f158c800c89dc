import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { DoorbusterError } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';

const TAIL_LINES = 12;
const GRACE_MS = 3_000;

interface ClientCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Called with every line that the client prints, on either stream. */
  readonly onLine?: (line: string) => void;
  /** Lines to leave out of an error. */
  readonly noise?: RegExp;
  /** Purpose of the call, for the error: `fetching kafka 4.3.1`. */
  readonly purpose: string;
}

/**
 * Runs a package client to its end and resolves with its stdout. It has its own process group, so that an
 * abort also ends its children. Rejects with the signal's reason, or with a DoorbusterError that contains
 * the client's last lines.
 */
export async function runClient(call: ClientCall): Promise<string> {
  call.signal.throwIfAborted();
  const child = spawn(call.command, call.args, {
    cwd: call.cwd,
    env: { ...process.env, ...call.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const out: string[] = [];
  const tail: string[] = [];
  const onLine = (line: string) => {
    const text = stripVTControlCharacters(line).trimEnd();
    if (text !== '' && !call.noise?.test(text)) tail.push(text);
    if (tail.length > TAIL_LINES) tail.shift();
    call.onLine?.(line);
  };
  readLines(child.stdout, (line) => {
    out.push(line);
    onLine(line);
  });
  readLines(child.stderr, onLine);
  const stop = endGroupOnAbort(call.signal, () => child.pid);
  try {
    const end = await new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code === null ? `${signal}` : `${code}`));
    }).catch((cause: NodeJS.ErrnoException) => {
      throw failed(call, cause.code === 'ENOENT' ? 'is not installed' : cause.message, []);
    });
    call.signal.throwIfAborted();
    if (end !== '0') throw failed(call, `ended with ${end}`, tail);
    return out.join('\n');
  } finally {
    stop();
  }
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine);
}

/** On abort sends the group SIGTERM, and SIGKILL after a grace period; returns a function that stops listening. */
function endGroupOnAbort(signal: AbortSignal, pid: () => number | undefined): () => void {
  let timer: NodeJS.Timeout | undefined;
  const kill = (how: NodeJS.Signals) => {
    const leader = pid();
    if (leader === undefined) return;
    try {
      process.kill(-leader, how);
    } catch {
      // The whole group has ended.
    }
  };
  const onAbort = () => {
    kill('SIGTERM');
    timer = setTimeout(() => kill('SIGKILL'), GRACE_MS);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return () => {
    signal.removeEventListener('abort', onAbort);
    if (timer) clearTimeout(timer);
    if (signal.aborted) kill('SIGKILL');
  };
}

function failed(call: ClientCall, fact: string, tail: readonly string[]): DoorbusterError {
  const lines = tail.map((line) => `  ${line}`).join('\n');
  return new DoorbusterError(
    `${call.purpose}: ${call.command} ${fact}${lines === '' ? '' : `\n${lines}`}`,
    {
      exitCode: EXIT.badInput,
      hint: `${firstCheck(lines, call.cwd)}, then: doorbuster setup`,
    },
  );
}

function firstCheck(said: string, dir: string): string {
  return /No space left on device|Disk quota exceeded/.test(said)
    ? `df -h ${dir}   # free some space`
    : 'check the network and the settings of your package clients';
}
