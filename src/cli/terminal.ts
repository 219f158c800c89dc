import { fstatSync, writeFileSync } from 'node:fs';
import pc from 'picocolors';
import { refusedByMachine } from '../core/errors.ts';
import { EXIT } from '../core/exit-codes.ts';
import { escaped, forTerminal } from '../core/printable.ts';

/**
 * The only output of the process. Results go to stdout, everything else to stderr, so that `doorbuster … --json | jq`
 * always works. Control characters are escaped as in JSON.
 */
export interface Terminal {
  /** Writes a result of the command. Throws DoorbusterError (exit 2) if it cannot be written. */
  result(text: string): void;
  /** Writes a message. */
  say(text: string): void;
  /** Draws lines at the bottom over the `before` lines drawn last. Only if `live`. */
  redraw(lines: readonly string[], before: number): void;
  /** True when stderr is a terminal that can be redrawn. */
  readonly live: boolean;
  /** Width of the output; for a pipe by COLUMNS, or else 100. */
  readonly columns: number;
}

/** The terminal of this process. */
interface SystemTerminal extends Terminal {
  /** Waits until everything is written, because `process.exit` would truncate output to a pipe. Throws as `result` does. */
  flushed(): Promise<void>;
}

const STDOUT = 1;

export function systemTerminal(): SystemTerminal {
  let refused: Error | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A closed reader (`| head`, a closed window) ends the output, not the run.
    if (error.code !== 'EPIPE' && error.code !== 'EIO') refused ??= error;
  });
  // Without stderr there is no place for a message.
  process.stderr.on('error', () => {});
  const intoFile = isFile(STDOUT);
  return {
    result(text) {
      const line = lineOf(text);
      if (!intoFile) return void process.stdout.write(line);
      try {
        // writeFileSync writes everything or throws; Node's stream ignores a short write on a full disk.
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

/** Whether results may have colours. */
export function colorOnStdout(): boolean {
  return pc.isColorSupported && process.stdout.isTTY === true;
}

function lineOf(text: string): string {
  const shown = forTerminal(text, pc.isColorSupported);
  return shown.endsWith('\n') ? shown : `${shown}\n`;
}

/** Whether the descriptor is a file or a device other than a terminal, to which Node writes synchronously. */
function isFile(fd: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() || (stat.isCharacterDevice() && process.stdout.isTTY !== true);
}

function unwritten(error: unknown): unknown {
  return refusedByMachine(error, { what: 'standard output', exitCode: EXIT.badInput }) ?? error;
}

/** Text of an error: the message, then the next command. */
export function errorText(message: string, hint: string | undefined): string {
  const head = `${pc.red(pc.bold('error'))} ${escaped(message)}`;
  return hint === undefined ? head : `${head}\n${pc.dim('next')}  ${escaped(hint)}`;
}
