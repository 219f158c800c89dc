import { join } from 'node:path';
import { badInput } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { RUN_FILES } from '../record/folder.ts';
import { type GateSides, readGate } from '../record/gate-plan.ts';
import type { RunRecord } from '../record/record.ts';
import { writeAtomically } from '../record/write.ts';
import { escapedTexts } from '../reports/escaped.ts';
import { type Gate, gateOf } from '../reports/gate.ts';
import { gateJunit } from '../reports/gate-junit.ts';
import { gateMarkdown, renderGate } from '../reports/gate-text.ts';
import type { TerminalOptions } from '../reports/terminal.ts';
import { colorOnStdout, type Terminal } from './terminal.ts';

/** A gate, and the records that it was decided by. */
interface Decided {
  readonly gate: Gate;
  readonly sides: GateSides;
}

export const GATE_FORMATS = ['terminal', 'markdown', 'json', 'junit'] as const;
export type GateFormat = (typeof GATE_FORMATS)[number];

/** The format of a gate by the name of a format of a run. Throws DoorbusterError (exit 2) if it has none such. */
export function gateFormat(name: string): GateFormat {
  const found = GATE_FORMATS.find((one) => one === (name === 'short' ? 'terminal' : name));
  if (found !== undefined) return found;
  throw badInput(
    `a gate has no ${name} report, only ${GATE_FORMATS.join(', ')}`,
    'doorbuster report DIR/compare.json --format html, with the comparison of its trials',
  );
}

/** Text of records is untrusted: for people all of it is escaped, as in the reports of a run. */
const RENDER: {
  readonly [F in GateFormat]: (decided: Decided, options: TerminalOptions) => string;
} = {
  terminal: ({ gate }, options) => renderGate(escapedTexts(gate), options),
  markdown: ({ gate }) => gateMarkdown(escapedTexts(gate)),
  json: ({ gate }) => JSON.stringify(gate, null, 1),
  junit: ({ gate, sides }) => gateJunit(gate, timesOf(sides)),
};

function timesOf({ base, head }: GateSides): {
  readonly startedAt: string;
  readonly tookMs: number;
} {
  const records: readonly RunRecord[] = [...base.trials, ...head.trials].map(
    ({ record }) => record,
  );
  const starts = records.map(({ startedAt }) => startedAt).sort();
  const tookMs = records.reduce((sum, { tookMs: own }) => sum + (own ?? 0), 0);
  return { startedAt: starts[0] ?? '', tookMs };
}

/** Prints a gate, and returns its exit code. */
export function showGate(
  decided: Decided,
  format: GateFormat,
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  const options = { color: colorOnStdout(), columns: terminal.columns };
  terminal.result(RENDER[format](decided, options).trimEnd());
  return decided.gate.exitCode;
}

/** Writes the files of a gate next to its trials. */
export function writeGate(dir: string, decided: Decided): void {
  const files = [
    [RUN_FILES.gate, 'json'],
    [RUN_FILES.gateMarkdown, 'markdown'],
    [RUN_FILES.gateJunit, 'junit'],
  ] as const;
  for (const [file, format] of files) {
    const text = RENDER[format](decided, { color: false, columns: 100 });
    writeAtomically(join(dir, file), `${text.trimEnd()}\n`);
  }
}

/** Decides a gate again by the records of its trials, prints it, and writes its files again. */
export function reportGate(
  dir: string,
  format: GateFormat,
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  const { plan, sides } = readGate(dir);
  const decided = { gate: gateOf(plan, sides), sides };
  writeGate(dir, decided);
  showGate(decided, format, terminal);
  return EXIT.pass;
}
