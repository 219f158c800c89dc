import { basename, join, resolve } from 'node:path';
import { badInput } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import {
  type ComparisonPlan,
  type RecordedDesign,
  readComparison,
} from '../record/comparison-plan.ts';
import { RUN_FILES } from '../record/folder.ts';
import { readRecord } from '../record/read.ts';
import { readSeries, seriesDir } from '../record/series.ts';
import { writeAtomically } from '../record/write.ts';
import { type Comparison, comparisonOf, incomparable } from '../reports/comparison.ts';
import { comparisonHtml } from '../reports/comparison-html.ts';
import { comparisonMarkdown, renderComparison } from '../reports/comparison-text.ts';
import { escapedTexts } from '../reports/escaped.ts';
import type { TerminalOptions } from '../reports/terminal.ts';
import { quoted } from './reproduce.ts';
import { colorOnStdout, type Terminal } from './terminal.ts';

/** A comparison, and the records that it was made of. */
interface Compared {
  readonly comparison: Comparison;
  readonly designs: readonly RecordedDesign[];
}

export const COMPARISON_FORMATS = ['terminal', 'markdown', 'json', 'html'] as const;
export type ComparisonFormat = (typeof COMPARISON_FORMATS)[number];

/** Text of records is untrusted: for people all of it is escaped, as in the reports of a run. */
const RENDER: {
  readonly [F in ComparisonFormat]: (compared: Compared, options: TerminalOptions) => string;
} = {
  terminal: ({ comparison }, options) => renderComparison(escapedTexts(comparison), options),
  markdown: ({ comparison }) => comparisonMarkdown(escapedTexts(comparison)),
  json: ({ comparison }) => JSON.stringify(comparison, null, 1),
  html: ({ comparison, designs }) =>
    comparisonHtml(escapedTexts(comparison), escapedTexts(designs)),
};

/** The format of a comparison by the name of a format of a run. Throws DoorbusterError (exit 2) if it has none such. */
export function comparisonFormat(name: string): ComparisonFormat {
  const found = COMPARISON_FORMATS.find(
    (format) => format === (name === 'short' ? 'terminal' : name),
  );
  if (found !== undefined) return found;
  throw badInput(
    `a comparison has no ${name} report, only ${COMPARISON_FORMATS.join(', ')}`,
    `doorbuster report DIR --format ${name}, with the folder of one trial`,
  );
}

/** Prints a comparison. Returns exit code 5 if a design has no trial that counts. */
export function showComparison(
  compared: Compared,
  format: ComparisonFormat,
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  const color = colorOnStdout();
  terminal.result(RENDER[format](compared, { color, columns: terminal.columns }));
  return exitCodeOf(compared);
}

/**
 * Exit code of the trial that did not complete, if any. A comparison is no gate: failed checks of a design are on its
 * page, and not in the exit code.
 */
function exitCodeOf({ comparison, designs }: Compared): ExitCode {
  const records = designs.flatMap(({ trials }) => trials.map(({ record }) => record));
  const ended = records.find(({ outcome }) => outcome !== 'completed');
  if (ended !== undefined) return ended.exitCode as ExitCode;
  return comparison.designs.every(({ counted }) => counted > 0) ? EXIT.pass : EXIT.invalid;
}

/** Writes the files of a comparison next to its trials. */
export function writeComparison(dir: string, compared: Compared): void {
  const options = { color: false, columns: 100 };
  const files = [
    [RUN_FILES.compare, 'json'],
    [RUN_FILES.compareMarkdown, 'markdown'],
    [RUN_FILES.compareHtml, 'html'],
  ] as const;
  for (const [file, format] of files) {
    writeAtomically(join(dir, file), `${RENDER[format](compared, options).trimEnd()}\n`);
  }
}

/** Compares recorded runs and series. Throws DoorbusterError (exit 2) if they are not comparable, unless forced. */
export function compareRecords(
  paths: readonly string[],
  { force, format }: { readonly force: boolean; readonly format: ComparisonFormat },
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  if (paths.length < 2) {
    throw badInput(
      `a comparison needs at least two runs, and ${paths[0]} is one`,
      'doorbuster compare results/A results/B',
    );
  }
  const designs = labelled(paths.map(designAt));
  const reasons = incomparable(designs);
  if (reasons.length > 0 && !force) {
    throw badInput(
      reasons.join('\n'),
      'compare runs of the same traffic on one machine, or add --force',
    );
  }
  const repeat = Math.max(...designs.map(({ trials }) => trials.length));
  const plan: ComparisonPlan = {
    ...{ id: '', repeat },
    reproduce: ['doorbuster compare', ...paths.map(quoted), ...(force ? ['--force'] : [])].join(
      ' ',
    ),
  };
  return showComparison(
    { comparison: comparisonOf(plan, designs, reasons), designs },
    format,
    terminal,
  );
}

/** The trials of a folder, a run or a series; warm-ups do not count and are left out. */
export function designAt(path: string): RecordedDesign & { readonly folder: string } {
  const series = seriesDir(path);
  const folder = basename(resolve(path));
  if (series === null) {
    const record = readRecord(path);
    return { folder, label: folder, trials: [{ number: 1, seed: record.seed, record }] };
  }
  const trials = readSeries(series).trials.filter(({ number }) => number > 0);
  if (trials.length === 0) throw badInput(`${path} has no trial yet`, 'compare another one');
  return { folder, label: folder, trials };
}

/** Names the designs by the shortest of their names that tells them apart: pipeline, scenario, folder. */
function labelled(
  designs: readonly (RecordedDesign & { readonly folder: string })[],
): readonly RecordedDesign[] {
  const first = ({ trials }: RecordedDesign) => trials[0]?.record;
  const names = [
    designs.map((one) => first(one)?.pipeline.name ?? ''),
    designs.map((one) => first(one)?.scenario.name ?? ''),
    designs.map(({ folder }, i) => `${i + 1} ${folder}`),
  ].find((all) => new Set(all).size === designs.length);
  return designs.map(({ trials }, i) => ({ trials, label: names?.[i] ?? String(i + 1) }));
}

/** Computes a comparison again from the records of its trials, prints it, and writes its pages again. */
export function reportComparison(
  dir: string,
  format: ComparisonFormat,
  terminal: Pick<Terminal, 'result' | 'columns'>,
): ExitCode {
  const { plan, designs } = readComparison(dir);
  const compared = { comparison: comparisonOf(plan, designs, incomparable(designs)), designs };
  writeComparison(dir, compared);
  showComparison(compared, format, terminal);
  return EXIT.pass;
}
