import { DoorbusterError } from '../core/errors.ts';
import {
  CONSUMERS,
  HOPS,
  LEVELS,
  METRICS,
  type MetricKind,
  type MetricName,
  QUERIES,
  STATS,
  type Unit,
} from '../core/metrics.ts';
import {
  parseDurationMs,
  parseFactor,
  parsePercent,
  parseRate,
  parseSizeBytes,
  ratePer,
} from '../core/units.ts';
import { type CheckMistake, type CheckText, parseCheck, type Word } from './checks.ts';
import { suggest } from './problems.ts';
import { faultyServers } from './random-fault-rules.ts';
import { type Sections, streamsOn } from './rules.ts';
import { type Check, STREAMS } from './scenario.ts';
import { isCompact } from './schema.ts';
import { scoredKinds } from './scored.ts';

type JudgedCheck =
  | { readonly kind: 'check'; readonly check: Omit<Check, 'line'> }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly CheckMistake[] };

/** Parses a check and verifies that this scenario can answer it. */
export function judgeCheck(text: string, sections: Sections, raw: unknown): JudgedCheck {
  const parsed = parseCheck(text);
  if (parsed.kind === 'mistake') return { kind: 'mistakes', mistakes: [parsed.mistake] };
  const { check } = parsed;
  const name = check.metric.text;
  if (!isMetric(name)) {
    const mistake = wrong(
      check.metric,
      `no metric "${name}": ${suggest(name, Object.keys(METRICS))}`,
    );
    return { kind: 'mistakes', mistakes: [mistake] };
  }
  const metric: MetricKind = METRICS[name];
  const limit = judgeLimit(check, metric);
  const mistakes = [
    ...judgeOf(check, metric, sections),
    ...judgeStat(check, metric),
    ...judgePhase(check, metric, phasesOf(sections, raw)),
    ...judgePayback(check, sections),
    ...judgePromises(check, sections),
    ...(typeof limit === 'number' ? [] : [limit]),
  ];
  if (mistakes.length > 0 || typeof limit !== 'number') return { kind: 'mistakes', mistakes };
  return {
    kind: 'check',
    check: {
      text,
      metric: name,
      of: check.of?.text ?? null,
      stat: check.stat?.text ?? null,
      during: check.during?.text ?? null,
      ratio: check.ratio && {
        numerator: check.ratio.numerator.text,
        denominator: check.ratio.denominator.text,
      },
      comparator: check.comparator,
      limit,
    },
  };
}

function isMetric(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}

function wrong(word: Word, message: string): CheckMistake {
  return { message, from: word.from, length: Math.max(1, word.text.length) };
}

function judgeOf(check: CheckText, metric: MetricKind, sections: Sections): CheckMistake[] {
  const { metric: name, of } = check;
  if (metric.of === null) {
    return of ? [wrong(of, `${name.text} takes no argument in parentheses`)] : [];
  }
  const known = whatThereIs(metric.of, sections);
  if (!of) {
    const example = known?.[0] ?? metric.of;
    const fact = `${name.text} needs a ${metric.of} in parentheses: ${name.text}(${example})`;
    return [wrong(name, fact)];
  }
  if (!known || known.includes(of.text)) return [];
  // The pipeline declares the datasets; a dataset with the name of a stream carries that stream.
  if (ofDataset(metric.of) && !(STREAMS as readonly string[]).includes(of.text)) return [];
  return [wrong(of, `no ${metric.of} "${of.text}" in this scenario: ${suggest(of.text, known)}`)];
}

function ofDataset(of: MetricKind['of']): boolean {
  return of === 'dataset' || of === 'table';
}

/** Names that a metric's parentheses may contain; undefined while their section has errors. */
function whatThereIs(
  of: NonNullable<MetricKind['of']>,
  sections: Sections,
): readonly string[] | undefined {
  const { traffic } = sections;
  switch (of) {
    case 'stream':
    case 'dataset':
    case 'table':
      return traffic && streamsOn(traffic);
    case 'fault':
      return scoredKinds(sections);
    case 'query':
      return QUERIES;
    case 'faulty server':
      return faultyServers(sections);
    case 'hop':
      return HOPS;
    case 'server':
      return CONSUMERS;
    case 'level':
      return LEVELS;
  }
}

function judgeStat({ metric: name, stat }: CheckText, metric: MetricKind): CheckMistake[] {
  if (metric.shape === 'scalar') {
    return stat ? [wrong(stat, `${name.text} is one number and has no ${stat.text}`)] : [];
  }
  if (!stat)
    return [wrong(name, `${name.text} is a distribution: name one of ${STATS.join(', ')}`)];
  if ((STATS as readonly string[]).includes(stat.text)) return [];
  return [wrong(stat, `no statistic "${stat.text}": ${suggest(stat.text, STATS)}`)];
}

interface NamedPhase {
  readonly name: string;
  readonly measured: boolean;
}

/** The names of the phases, even if some of them have errors. */
function phasesOf({ phases }: Sections, raw: unknown): readonly NamedPhase[] {
  if (phases) {
    return phases.map((phase) => ({
      name: phase.name,
      measured: 'do' in phase || phase.measured,
    }));
  }
  const written = (raw as { phases?: unknown } | null)?.phases;
  if (!Array.isArray(written)) return [];
  return written.flatMap((phase) =>
    typeof phase?.name === 'string'
      ? [{ name: phase.name, measured: phase.measured !== false }]
      : [],
  );
}

function judgePhase(
  check: CheckText,
  metric: MetricKind,
  phases: readonly NamedPhase[],
): CheckMistake[] {
  const named = [check.during, check.ratio?.numerator, check.ratio?.denominator].flatMap(
    (word) => word ?? [],
  );
  const [first] = named;
  if (!first) return [];
  if (!metric.phased) {
    return [wrong(first, `${check.metric.text} is a number of the whole run and has no phases`)];
  }
  const names = phases.map(({ name }) => name);
  const mistakes = named.flatMap((word) => {
    const phase = phases.find(({ name }) => name === word.text);
    if (!phase) return [wrong(word, `no phase "${word.text}": ${suggest(word.text, names)}`)];
    return phase.measured ? [] : [wrong(word, `phase "${word.text}" is not measured`)];
  });
  const { ratio } = check;
  if (ratio && ratio.numerator.text === ratio.denominator.text) {
    mistakes.push(wrong(ratio.denominator, 'a phase over itself is always 1'));
  }
  return mistakes;
}

function judgePayback({ metric }: CheckText, { phases, pipeline }: Sections): CheckMistake[] {
  if (metric.text !== 'payback' || !phases || !pipeline) return [];
  const at = phases.findIndex(isCompact);
  const asked = (phase: (typeof phases)[number]) => 'do' in phase && phase.do === 'query';
  if (at >= 0 && phases.slice(0, at).some(asked) && phases.slice(at).some(asked)) return [];
  return [wrong(metric, 'payback needs a query phase before and one after a compact phase')];
}

/** Promises are made on the stock table, and orders are placed in timed phases. */
function judgePromises(
  { metric, during, ratio }: CheckText,
  { traffic, phases }: Sections,
): CheckMistake[] {
  if (!metric.text.startsWith('promises_')) return [];
  if (traffic && !traffic.inventory) {
    return [wrong(metric, 'promises are made on the stock table: traffic.inventory is off')];
  }
  const named = [during, ratio?.numerator, ratio?.denominator].flatMap((word) => word ?? []);
  return named.flatMap((word) => {
    const phase = phases?.find(({ name }) => name === word.text);
    if (!phase || !('do' in phase)) return [];
    return [wrong(word, `pickup orders are placed in timed phases, and "${word.text}" is not one`)];
  });
}

/** Format of the limit for each unit, and its conversion to the metric's own unit. */
const LIMITS: Readonly<
  Record<Unit, { like: string; parse: (text: string) => number | undefined }>
> = {
  ms: { like: '15s', parse: parseDurationMs },
  count: { like: '100', parse: plain },
  units: { like: '100', parse: plain },
  rounds: { like: '20', parse: plain },
  ratio: { like: '0.98 or 98%', parse: ratio },
  bytes: { like: '2 MiB', parse: parseSizeBytes },
  'core-s': { like: '120 core-s', parse: (text) => plain(text.replace(/ ?core-s$/, '')) },
  percent: { like: '20%', parse: (text) => parsePercent(text) * 100 },
  'per 10,000': { like: '100', parse: plain },
  USD: { like: '100 USD', parse: (text) => plain(text.replace(/ ?USD$/, '')) },
  s·s: { like: '200 s·s', parse: (text) => plain(text.replace(/ ?s[·*]s$/, '')) },
  row·s: { like: '200 row·s', parse: (text) => plain(text.replace(/ ?row[·*]s$/, '')) },
  'events/s': { like: '5000/s', parse: (text) => ratePer('s', parseRate(text)) },
};

function plain(text: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function ratio(text: string): number | undefined {
  if (text.endsWith('%')) return parsePercent(text);
  return text.endsWith('x') ? parseFactor(text) : plain(text);
}

function judgeLimit(check: CheckText, metric: MetricKind): number | CheckMistake {
  const unit = check.ratio ? 'ratio' : metric.unit;
  const { like, parse } = LIMITS[unit];
  try {
    const limit = parse(check.limit.text);
    if (limit !== undefined && Number.isFinite(limit)) return limit;
  } catch (error) {
    if (!(error instanceof DoorbusterError)) throw error;
  }
  const subject = check.ratio ? 'one phase over another is a ratio' : `the unit is ${unit}`;
  return wrong(check.limit, `"${check.limit.text}" is not a limit here: ${subject}, like ${like}`);
}
