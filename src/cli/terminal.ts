import { fstatSync, writeFileSync } from 'node:fs';
import pc from 'picocolors';
import { refusedByMachine } from '../core/errors.ts';
import { EXIT } from '../core/exit-codes.ts';
import { escaped, forTerminal } from '../core/printable.ts';

/**
 * The one place that writes to the outside. Results go to stdout, everything else to stderr, so that
 * `doorbuster … --json | jq` always works. Whatever is written, a control character in it is escaped as in JSON.
 */
export interface Terminal {
  /** A result: what the command was asked for. Throws DoorbusterError (exit 2) where it cannot be written. */
  result(text: string): void;
  /** Anything said along the way. */
  say(text: string): void;
  /** Draws lines at the lower end, over as many as were drawn there before. Only where it is `live`. */
  redraw(lines: readonly string[], before: number): void;
  /** True when stderr is a terminal that can be redrawn. */
  readonly live: boolean;
  /** How wide the output is: of a pipe as COLUMNS says, else 100. */
  readonly columns: number;
}

/** The terminal of this process, and what ends with it. */
interface SystemTerminal extends Terminal {
  /** Waits until everything has left: a pipe would lose its tail to `process.exit`. Throws as `result` does. */
  flushed(): Promise<void>;
}

const STDOUT = 1;

export function systemTerminal(): SystemTerminal {
  let refused: Error | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that went away (`| head`, a closed window) ends the output, not the run.
    if (error.code !== 'EPIPE' && error.code !== 'EIO') refused ??= error;
  });
  // Without a terminal there is no place for a message.
  process.stderr.on('error', () => {});
  const intoFile = isFile(STDOUT);
  return {
    result(text) {
      const line = lineOf(text);
      if (!intoFile) return void process.stdout.write(line);
      try {
        // All of it or an error: Node's own stream takes a short write on a full disk for a whole one.
        writeFileSync(STDOUT, line);
      } catch (error) {
        throw unwritten(error);
      }
    },
    async flushed() {
      for (const stream of [process.stdout, process.stderr]) {
        if (stream.writableLength > 0 && !stream.destroyed) {
          await new Promise<void>((resolve) => stream.write('', () => resolve()));
        }
      }
      if (refused !== undefined) throw unwritten(refused);
    },
    say: (text) => void process.stderr.write(lineOf(text)),
    redraw(lines, before) {
      const erase = before > 0 ? `\u001b[${before}A\u001b[J` : '';
      process.stderr.write(erase + lines.map(lineOf).join(''));
    },
    live:
      process.stderr.isTTY === true && process.env.CI === undefined && process.env.TERM !== 'dumb',
    columns:
      process.stdout.columns ?? process.stderr.columns ?? (Number(process.env.COLUMNS) || 100),
  };
}

function lineOf(text: string): string {
  const shown = forTerminal(text, pc.isColorSupported);
  return shown.endsWith('\n') ? shown : `${shown}\n`;
}

/** A file, or a device that is no terminal: what Node writes to at once. */
function isFile(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || (stat.isCharacterDevice() && process.stdout.isTTY !== true);
}

function unwritten(error: unknown): unknown {
  return refusedByMachine(error, { what: 'standard output', exitCode: EXIT.badInput }) ?? error;
}

/** How an error looks: what, where, which limit; then the next thing to type. */
export function errorText(message: string, hint: string | undefined): string {
  const head = `${pc.red(pc.bold('error'))} ${escaped(message)}`;
  return hint === undefined ? head : `${head}\n${pc.dim('next')}  ${escaped(hint)}`;
}
