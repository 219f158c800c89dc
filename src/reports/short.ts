import { join } from 'node:path';
import { DoorbusterError } from '../core/errors.ts';
import { RUN_FILES } from '../record/folder.ts';
import type { CheckResult, RecordedPhase, RunRecord } from '../record/record.ts';
import { parseScenario } from '../scenario/parse.ts';
import {
  distribution,
  mainStream,
  measuredPhases,
  peakPhase,
  scalar,
  streamsOf,
  watchedMs,
} from './find.ts';
import { count, duration, durationPair, latency, plural, tail } from './format.ts';
import { measuredValue, shownInterval } from './observed.ts';
import {
  type Block,
  bold,
  type Column,
  clipped,
  type Line,
  oneLine,
  paragraph,
  type Row,
  row,
  screen,
  tabulated,
  titled,
} from './screen.ts';
import { type Cell, cell, verdictTone } from './section.ts';
import { queryBlock } from './short-queries.ts';
import { resultBlock, verdictReason } from './short-results.ts';
import { skewInWords } from './skew.ts';
import { summarize } from './summary.ts';
import type { TerminalOptions } from './terminal.ts';

/** The summary fits a screen of this many lines, including the command line. */
const SCREEN_LINES = 43;
const SHELL_LINES = 3;
const ALWAYS = Number.POSITIVE_INFINITY;

/**
 * The summary at the end of a run, on one screen: the run, its main numbers, the checks, and last the verdict.
 * `terminal` (terminal.ts) prints everything.
 */
export function renderShort(record: RunRecord, options: TerminalOptions): string {
  const width = Math.max(40, Math.min(options.columns, 100));
  const blocks: readonly Block[] = [
    identityBlock(record, width),
    stalenessBlock(record, width),
    queryBlock(record, width),
    resultBlock(record, width),
    alarmBlock(record, width),
    checkBlock(record, width),
    whereBlock(record, options, width),
    verdictBlock(record, options, width),
  ];
  return screen(blocks, { lines: SCREEN_LINES, width, color: options.color });
}

/** The run's identity, and its headline. */
function identityBlock(record: RunRecord, width: number): Block {
  const { scenario, pipeline, environment, seed, tookMs, startedAt, verdict } = record;
  const compaction =
    pipeline.compaction === 'none' ? 'no compaction' : `compaction by ${pipeline.compaction}`;
  const what = [
    pipeline.name,
    ...storesOf(record),
    `seed ${seed}`,
    startedAt.replace('T', ' ').replace(/(:\d\d)(\.\d+)?Z$/, '$1 UTC'),
    ...(tookMs === null ? [] : [`took ${duration(tookMs)}`]),
  ];
  const how = [
    `format ${pipeline.format}, commit every ${duration(pipeline.commitEveryMs)}, ${compaction}`,
    `${environment.runtime}, ${environment.cores} cores, ${Math.round(environment.memoryBytes / 2 ** 30)} GiB`,
    `lane ${environment.lane}`,
  ];
  const more = summarize(record).identity.filter(({ name }) => ['stack', 'shards'].includes(name));
  const headline = paragraph(record.headline.text, width, 3);
  return {
    rows: [
      row(ALWAYS, [bold(clipped(oneLine(scenario.name), 40)), cell(` on ${what.join(' · ')}`)]),
      row(ALWAYS, [cell(how.join(' · '), 'dim')]),
      ...more.map(({ name, value }) => row(70, [cell(`${name}: ${value}`, 'dim')])),
      // For a judged run the headline repeats what is below.
      row(verdict === null ? ALWAYS : 72, ...headline.map((line) => [cell(line)])),
    ],
  };
}

/** Number of stores: that of the recording, otherwise of the scenario if this version can read it. */
function storesOf({ scenario }: RunRecord): readonly string[] {
  if (scenario.recording) return [plural(scenario.recording.stores, 'store')];
  try {
    const set = scenario.overrides.map(({ path, value }) => `${path}=${value}`);
    const { retail } = parseScenario(scenario.text, { file: scenario.file, set }).scenario;
    return [plural(retail.stores, 'store')];
  } catch (error) {
    if (error instanceof DoorbusterError) return [];
    throw error;
  }
}

/** Staleness per stream and phase, and below it the changes that were never visible. */
function stalenessBlock(record: RunRecord, width: number): Block {
  const streams = streamsOf(record);
  const phases = measuredPhases(record);
  if (streams.length === 0 || phases.length === 0) return { rows: [] };
  const peak = peakPhase(record);
  const columns: Column[] = [
    { name: 'p50 / p99', align: 'left', keep: ALWAYS },
    ...phases.map((phase, i) => ({
      name: `${clipped(phase.name, 12)} ${phase.load}x`,
      align: 'right' as const,
      keep: phase === peak ? 100 : i === phases.length - 1 ? 90 : 50 - i,
    })),
    { name: 'floor', align: 'right', keep: 60 },
    { name: 'n ≥', align: 'right', keep: 80 },
  ];
  const main = mainStream(record);
  const { lines, left } = tabulated(
    columns,
    streams.map((stream) => stalenessCells(record, stream, phases)),
    width,
  );
  const [names = [], ...found] = lines;
  const about = [
    '  from the event to the first moment at which a query could return it',
    ...(left.length === 0 ? [] : [`not shown: ${left.join(', ')}`]),
  ];
  return {
    rows: [
      row(95, [bold('Staleness'), cell(about.join(' · '), 'dim')], names),
      ...found.map((line, i) => row(streams[i] === main ? 95 : 50, line)),
      ...stalenessNotes(record),
    ],
    more: (hidden) => `${plural(hidden.length, 'more line')} of staleness`,
  };
}

function stalenessCells(
  record: RunRecord,
  stream: string,
  phases: readonly RecordedPhase[],
): readonly Cell[] {
  const found = phases.map((phase) => distribution(record, 'staleness', stream, phase.name));
  const floor = scalar(record, 'floor', stream, null)?.value;
  return [
    cell(stream),
    ...found.map((metric, i) => {
      if (metric === undefined || metric.n === 0) return cell('no data', 'warn');
      const watched = watchedMs(record, phases[i] as RecordedPhase);
      const pair = durationPair(metric.stats.p50, tail(metric.stats).value, watched);
      const mark = tail(metric.stats).name === 'max' ? '*' : '';
      return cell(pair + mark, metric.censored > 0 ? 'bad' : 'plain');
    }),
    floor === undefined ? cell('–', 'dim') : cell(latency(floor, 0), 'dim'),
    cell(count(Math.min(...found.map((metric) => metric?.n ?? 0))), 'dim'),
  ];
}

function stalenessNotes(record: RunRecord): readonly Row[] {
  const all = record.metrics.flatMap((metric) =>
    metric.shape === 'distribution' && metric.name === 'staleness' && metric.phase !== null
      ? [metric]
      : [],
  );
  const never = all.filter(({ censored }) => censored > 0);
  const changes = plural(
    never.reduce((sum, { censored }) => sum + censored, 0),
    'change',
  );
  const where = never.map(
    ({ of, phase, censored, n }) => `${of} in ${phase} ${count(censored)} of ${count(n)}`,
  );
  const distrusted = new Map<string, string[]>();
  for (const { of, phase, distrust } of all) {
    if (distrust === undefined) continue;
    const text = `${phase}: ${distrust}`;
    distrusted.set(text, [...(distrusted.get(text) ?? []), of ?? '']);
  }
  return [
    ...(never.length === 0
      ? []
      : [row(94, [cell(`${changes} never visible: ${where.join(', ')}`, 'bad')])]),
    ...[...distrusted].map(([text, of]) =>
      row(55, [cell(`! ${of.join(', ')} in ${text}`, 'warn')]),
    ),
    ...(all.some(({ stats, n }) => n > 0 && tail(stats).name === 'max')
      ? [row(45, [cell('* maximum: too few samples for a p99', 'dim')])]
      : []),
  ];
}

/** Reasons not to trust the numbers: broken rules that make a run INVALID, failed servers, warnings. */
function alarmBlock(record: RunRecord, width: number): Block {
  const { alarms, warnings } = summarize(record);
  const lines = (text: string, tone: Cell['tone']): Line[] =>
    paragraph(`! ${text}`, width, 2).map((line) => [cell(line, tone)]);
  return {
    rows: [
      ...alarms.map((text) => row(90, ...lines(text, 'bad'))),
      ...warnings.map((text) => row(65, ...lines(text, 'warn'))),
      ...skewInWords(record).map((text) => row(62, ...lines(text, 'warn'))),
    ],
    more: (hidden) => plural(hidden.length, 'more warning'),
  };
}

/** One line per check, and the reason if it did not pass. */
function checkBlock({ checks }: RunRecord, width: number): Block {
  if (checks.length === 0) return { rows: [] };
  const estimated = checks.some(({ interval }) => interval !== undefined);
  const columns: Column[] = [
    { name: 'Checks', align: 'left', keep: ALWAYS },
    { name: 'check', align: 'left', keep: 92, most: 60, least: 20 },
    { name: 'measured', align: 'right', keep: 95 },
    { name: 'limit', align: 'left', keep: 93 },
    ...(estimated ? [{ name: '95 % interval', align: 'right' as const, keep: 90 }] : []),
    { name: 'n', align: 'right', keep: 80 },
  ];
  const { lines } = tabulated(
    columns,
    checks.map((check) => [
      verdictTone(check.verdict),
      ...demanded(check.text, measuredValue(check)),
      ...(estimated ? [cell(shownInterval(check) ?? '', 'dim')] : []),
      cell(count(check.n), 'dim'),
    ]),
    width,
  );
  const [head = [], ...found] = lines;
  const rows = found.map((line, i) => {
    const { verdict } = checks[i] as CheckResult;
    return row({ FAIL: 91, INVALID: 89, NO_DATA: 89, PASS: 46 }[verdict], line);
  });
  return {
    rows: [
      row(91, titled(head)),
      ...rows.flatMap((one, i) => [one, ...reasonRows(checks[i] as CheckResult)]),
    ],
    more(hidden) {
      const verdicts = hidden.flatMap((one) => checks[rows.indexOf(one)]?.verdict ?? []);
      const counts = [...new Set(verdicts)].map(
        (verdict) =>
          `${verdicts.filter((one) => one === verdict).length} ${verdictTone(verdict).text}`,
      );
      return `${plural(verdicts.length, 'more check')}: ${counts.join(', ')}`;
    },
  };
}

/** Metric, value, and limit with its comparator: `lost`, `0`, `== 0`. */
function demanded(text: string, value: string): readonly Cell[] {
  const [, of = text, limit = ''] =
    /^(.*?\S)\s*((?:<=|>=|==|<|>)[^<>=]*)$/.exec(oneLine(text)) ?? [];
  return [cell(of), cell(value), cell(limit)];
}

function reasonRows({ verdict, reason }: CheckResult): readonly Row[] {
  if (reason === null) return [];
  const text = cell(`  ${oneLine(reason)}`, verdictTone(verdict).tone);
  return [{ ...row(verdict === 'FAIL' ? 71 : 44, [text]), minor: true }];
}

/** The run's folder, and the command that repeats this run. */
function whereBlock(record: RunRecord, { dir }: TerminalOptions, width: number): Block {
  const folder = dir ?? clipped(oneLine(record.id), width - 30);
  const entry = (name: string, lines: readonly string[], whole = false) =>
    row(
      ALWAYS,
      ...lines.map((line, i) => [
        cell((i === 0 ? name : '').padEnd(8), 'dim'),
        { ...cell(line), whole },
      ]),
    );
  return {
    rows: [
      entry('report', [join(folder, RUN_FILES.html)], dir !== undefined),
      entry('all', [`doorbuster report ${folder}`], dir !== undefined),
      ...(record.outcome !== 'part'
        ? []
        : [entry('next', ['doorbuster merge FOLDER… (the folders of all shards)'])]),
      entry('again', commandLines(record.reproduce, width - 8)),
    ],
  };
}

/** A command on continued lines for a shell; if it is too long, the record has it. */
function commandLines(command: string, width: number): readonly string[] {
  const lines = paragraph(command, width - 2, SHELL_LINES + 1);
  if (lines.length > SHELL_LINES || lines.some((line) => line.endsWith('…'))) {
    return ['the command is longer than this: see “reproduce” in record.json'];
  }
  return lines.map((line, i) => (i < lines.length - 1 ? `${line} \\` : line));
}

/** The verdict, on the last line. */
function verdictBlock(record: RunRecord, { exitCode }: TerminalOptions, width: number): Block {
  const { verdict } = summarize(record);
  const code = exitCode ?? record.exitCode;
  const unwritten = code === record.exitCode ? '' : ', for a report could not be written';
  const text = `${verdictReason(record)} (exit code ${code}${unwritten})`;
  const indent = verdict.text.length + 2;
  const lines = paragraph(text, width - indent, 3).map((line, i) => [
    bold((i === 0 ? verdict.text : '').padEnd(indent), verdict.tone),
    bold(line),
  ]);
  return { rows: [row(ALWAYS, ...lines)] };
}
