import pc from 'picocolors';

/**
 * The one place that writes to the outside. Results go to stdout, everything else to stderr, so that
 * `doorbuster … --json | jq` always works.
 */
export interface Terminal {
  /** A result: what the command was asked for. */
  result(text: string): void;
  /** Anything said along the way. */
  say(text: string): void;
  /** True when stderr is a terminal that can be redrawn. */
  readonly live: boolean;
  /** How wide the output is: of a pipe as COLUMNS says, else 100. */
  readonly columns: number;
}

/** The terminal of this process. */
export function systemTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    // A reader that went away (`| head`, a closed window) ends the output, not the run.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
  return {
    result: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    say: (text) => void process.stderr.write(text.endsWith('\n') ? text : `${text}\n`),
    live:
      process.stderr.isTTY === true && process.env.CI === undefined && process.env.TERM !== 'dumb',
    columns:
      process.stdout.columns ?? process.stderr.columns ?? (Number(process.env.COLUMNS) || 100),
  };
}

/** How an error looks: what, where, which limit; then the next thing to type. */
export function errorText(message: string, hint: string | undefined): string {
  const head = `${pc.red(pc.bold('error'))} ${message}`;
  return hint === undefined ? head : `${head}\n${pc.dim('next')}  ${hint}`;
}
