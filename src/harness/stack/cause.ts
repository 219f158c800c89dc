import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 64 * 1024;

/** A line that opens a report of something gone wrong, in any of our servers' words. */
const HEAD =
  /\b(FATAL|ERROR)\b|^Exception in thread|^Terminating due to|^Error: |^Error occurred during initialization|^# (A fatal error|There is insufficient memory)|^[a-z][\w.]*\.[A-Z]\w*(Exception|Error)\b/;
/** A line that ends a stack trace: the next ordinary log line. */
const STAMPED = /^(\[?\d{4}-\d{2}-\d{2}[ T]|INFO|WARN|API:|\[)/;
const EXCEPTION = /^[a-z][\w.$]*\.[A-Z][\w$]*(Exception|Error|Failure)\b.*/;
/** What our patterns put before a message: time, level, logger. */
const PREFIX = /^\d{4}-\d{2}-\d{2} [\d:,]+ +(FATAL|ERROR) +\S+ - /;

/** The last 64 KiB of a log, from a line's beginning; empty when there is no log. */
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

/**
 * Why a server died, by the last error in its log: the innermost `Caused by` of its stack trace, or
 * the exception, or the line itself. Null when the log tells of no error.
 */
export function innermostCause(log: string): string | null {
  const lines = log.split('\n').map((line) => line.trimEnd());
  let best: { readonly text: string; readonly traced: boolean } | null = null;
  for (let at = 0; at < lines.length; at++) {
    const head = lines[at]!;
    if (!HEAD.test(head)) continue;
    const trace = traceAfter(lines, at + 1);
    const found = causeOf(head, trace);
    // A bare error line after a stack trace is the server saying goodbye, not why it goes.
    if (found.traced || best === null || !best.traced) best = found;
    at += trace.length;
  }
  return best?.text ?? null;
}

function traceAfter(lines: readonly string[], from: number): readonly string[] {
  let to = from;
  while (to < lines.length && !STAMPED.test(lines[to]!)) to++;
  return lines.slice(from, to);
}

function causeOf(
  head: string,
  trace: readonly string[],
): { readonly text: string; readonly traced: boolean } {
  const causes = trace.filter((line) => /^\s*Caused by: /.test(line));
  const innermost = causes.at(-1);
  if (innermost) return { text: innermost.replace(/^\s*Caused by: /, ''), traced: true };
  const thrown = trace.find((line) => EXCEPTION.test(line));
  if (thrown) return { text: thrown, traced: true };
  const said = head.replace(PREFIX, '').replace(/^Exception in thread "[^"]*" /, '');
  if (/^# There is insufficient/.test(head)) return { text: said.slice(2), traced: true };
  if (/^# A fatal error/.test(head)) {
    const signal = trace.find((line) => /^# +(SIG|Internal Error|EXCEPTION)/.test(line));
    return { text: `the Java runtime crashed: ${signal?.slice(1).trim() ?? said}`, traced: true };
  }
  if (/^Error occurred during init/.test(head) && trace[0]) return { text: trace[0], traced: true };
  return { text: said.trim(), traced: /^Terminating|^Exception in thread|Exception\b/.test(head) };
}

/** Whether the log says that a port was taken by someone else. */
export function portWasTaken(log: string): boolean {
  return /address already in use|BindException|port is already in use/i.test(log);
}
