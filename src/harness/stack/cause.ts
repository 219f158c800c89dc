import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 64 * 1024;

/** A line that starts an error report, in the format of any of the servers. */
const REPORT_START =
  /\b(FATAL|ERROR)\b|^Exception in thread|^Terminating due to|^Error: |^Error occurred during init|^# (A fatal error|There is insufficient memory)|^[a-z][\w.$]*\.[A-Z][\w$]*(Exception|Error)\b/;
/** A line that ends a stack trace: the next ordinary log line. */
const TRACE_END = /^(\[?\d{4}-\d{2}-\d{2}[ T]|INFO|WARN|API:|\[)/;
/** A line that starts an error report after any other line. */
const STANDALONE_START = /^Exception in thread|^Terminating due to/;
const EXCEPTION = /^[a-z][\w.$]*\.[A-Z][\w$]*(Exception|Error|Failure)\b.*/;
/** Prefix of a message by our log patterns: time, level, logger. */
const PREFIX = /^(\d{4}-\d{2}-\d{2} [\d:,]+ +(FATAL|ERROR) +\S+ - |FATAL )/;

/** The last 64 KiB of a log, from the beginning of a line; empty if there is no log. */
export function logTail(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - start);
    const read = readSync(file, bytes, 0, bytes.length, start);
    const text = bytes.toString('utf8', 0, read);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    closeSync(file);
  }
}

/** Words that a server only uses for the reason why it exits. */
const EXIT_REASON =
  /\bfatal\b|^Exception in thread "main"|^Terminating due to|^Error: |^Error occurred during init|^# |Could not start|Failed to start/i;

/** A refusal of the machine: later errors, even fatal ones, follow from it. */
const MACHINE_REFUSAL =
  /No space left on device|Disk quota exceeded|Storage backend has reached its minimum free/i;

interface ErrorReport {
  readonly text: string;
  /** Relevance for the exit: a single line, a stack trace, a fatal error, a refusal of the machine. */
  readonly weight: 0 | 1 | 2 | 3;
}

/**
 * Why a server exited, by its log: a refusal of the machine, if there is one; the innermost `Caused by` of the last fatal
 * error, or of the last stack trace, or the last error line. Later lines are often noise of the shutdown. null: the log
 * has no error.
 */
export function innermostCause(log: string): string | null {
  const lines = log.split('\n').map((line) => line.trimEnd());
  let best: ErrorReport | null = null;
  for (let at = 0; at < lines.length; at++) {
    if (!REPORT_START.test(lines[at]!)) continue;
    const trace = traceAfter(lines, at + 1);
    const found = findingOf(lines[at]!, trace);
    if (best === null || found.weight >= best.weight) best = found;
    at += trace.length;
  }
  return best?.text ?? null;
}

function traceAfter(lines: readonly string[], from: number): readonly string[] {
  let to = from;
  while (to < lines.length && !TRACE_END.test(lines[to]!) && !STANDALONE_START.test(lines[to]!))
    to++;
  return lines.slice(from, to);
}

function findingOf(head: string, trace: readonly string[]): ErrorReport {
  const innermost = trace.findLast((line) => /^\s*Caused by: /.test(line));
  const thrown = trace.find((line) => EXCEPTION.test(line));
  const message = head.replace(PREFIX, '').replace(/^Exception in thread "[^"]*" /, '');
  const traced = innermost !== undefined || thrown !== undefined;
  const refused = [head, ...trace].find((line) => MACHINE_REFUSAL.test(line));
  if (refused) {
    return { text: refused.replace(/^\s*Caused by: /, '').replace(PREFIX, ''), weight: 3 };
  }
  const weight = EXIT_REASON.test(head) ? 2 : traced ? 1 : 0;
  if (innermost) return { text: innermost.replace(/^\s*Caused by: /, ''), weight };
  if (thrown) return { text: thrown, weight };
  if (/^# A fatal error/.test(head)) {
    const signal = trace.find((line) => /^# +(SIG|Internal Error)/.test(line));
    return { text: `the Java runtime crashed: ${signal?.slice(1).trim() ?? message}`, weight };
  }
  if (/^Error occurred during init/.test(head) && trace[0]) return { text: trace[0], weight };
  return { text: message.replace(/^# /, '').trim(), weight };
}

/** Whether the log says that a port was in use by another program. */
export function portWasTaken(log: string): boolean {
  return /address already in use|BindException|port is already (in use|allocated)/i.test(log);
}

/** Whether the cause is a full disk. */
export function diskWasFull(cause: string): boolean {
  return MACHINE_REFUSAL.test(cause);
}
