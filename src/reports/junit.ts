import type { RunRecord } from '../record/record.ts';
import { inUnit, plural } from './format.ts';
import { regressionsInWords } from './regressions.ts';
import { skewInWords } from './skew.ts';

/** One test case: passed, failed (the pipeline), in error (the run), or skipped (nothing to judge). */
export interface Case {
  readonly name: string;
  readonly group: string;
  readonly kind: 'passed' | 'failure' | 'error' | 'skipped';
  readonly message: string;
}

/** JUnit XML: how the run ended, its validity, its truth, and one test case per check. */
export function renderJunit(record: RunRecord): string {
  const cases = [
    ending(record),
    validity(record),
    ...truth(record),
    ...regressed(record),
    ...checks(record),
  ];
  return junitOf({
    name: record.scenario.name,
    tookMs: record.tookMs ?? 0,
    startedAt: record.startedAt,
    properties: properties(record),
    cases,
    output: [record.headline.text, record.reproduce],
  });
}

/** JUnit XML of one suite. */
export function junitOf({
  name,
  tookMs,
  startedAt,
  properties: named,
  cases,
  output,
}: {
  readonly name: string;
  readonly tookMs: number;
  readonly startedAt: string;
  readonly properties: readonly (readonly [string, string])[];
  readonly cases: readonly Case[];
  readonly output: readonly string[];
}): string {
  const tally = (kind: Case['kind']) => cases.filter((one) => one.kind === kind).length;
  const counts = `tests="${cases.length}" failures="${tally('failure')}" errors="${tally('error')}" skipped="${tally('skipped')}" time="${(tookMs / 1000).toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="doorbuster" ${counts}>`,
    `  <testsuite name="${xml(name)}" ${counts} timestamp="${xml(startedAt)}">`,
    '    <properties>',
    ...named.map(
      ([property, value]) => `      <property name="${xml(property)}" value="${xml(value)}"/>`,
    ),
    '    </properties>',
    ...cases.map((one) => caseXml(one, name)),
    `    <system-out>${output.map(xml).join('\n')}</system-out>`,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function properties(record: RunRecord): readonly (readonly [string, string])[] {
  return [
    ['run', record.id],
    ['seed', String(record.seed)],
    ['verdict', record.verdict ?? 'none'],
    ['pipeline', record.pipeline.name],
    ['lane', record.environment.lane],
    ['commit', record.environment.commit ?? 'unknown'],
    ...skewInWords(record).map((text) => ['warning', text] as const),
  ];
}

function ending(record: RunRecord): Case {
  const message = record.failures
    .map(({ server, message: text, cause }) => `${server}: ${text}${cause ? ` (${cause})` : ''}`)
    .join('; ');
  const completed = record.outcome === 'completed' || record.outcome === 'part';
  return {
    name: 'the run completed',
    group: 'run',
    kind: completed ? 'passed' : record.outcome === 'aborted' ? 'failure' : 'error',
    message: completed ? '' : `outcome ${record.outcome}${message ? `: ${message}` : ''}`,
  };
}

function validity(record: RunRecord): Case {
  const broken = record.invalid.map(
    ({ rule, fact, limit }) => `${rule}: ${fact} (limit: ${limit})`,
  );
  const kind = broken.length > 0 ? 'error' : record.self === null ? 'skipped' : 'passed';
  const message = kind === 'skipped' ? 'the run ended before it was judged' : broken.join('; ');
  return { name: 'the numbers are valid', group: 'run', kind, message };
}

function truth({ truth: found }: RunRecord): readonly Case[] {
  const missing = found?.notJudged ?? [];
  const findings = (['lost', 'duplicated', 'wrong'] as const).map((name): Case => {
    const base = { name: `${name} is 0`, group: 'truth' };
    if (!found)
      return { ...base, kind: 'skipped', message: 'the run ended before its truth was read' };
    const amountOf = found[name];
    if (amountOf === undefined) {
      const message = missing.length > 0 ? 'not judged' : 'there is no table to count it in';
      return { ...base, kind: 'skipped', message };
    }
    if (amountOf === 0) return { ...base, kind: 'passed', message: '' };
    const examples = found.examples.filter(({ kind }) => kind === name).slice(0, 3);
    const shown = examples.map(
      (row) => `${row.table} ${row.key}: expected ${row.expected}, found ${row.found}`,
    );
    const amount = plural(amountOf, name === 'wrong' ? 'unit' : 'row');
    return { ...base, kind: 'failure', message: [`${amount} ${name}`, ...shown].join('; ') };
  });
  return [
    ...findings,
    ...missing.map(({ what, reason }): Case => {
      return { name: `${what} is judged`, group: 'truth', kind: 'error', message: reason };
    }),
  ];
}

/** Left out if there is no upsert table. */
function regressed({ regressions }: RunRecord): readonly Case[] {
  if (!regressions) return [];
  const base = { name: 'regressions is 0', group: 'truth' };
  if (regressions.count > 0) {
    return [{ ...base, kind: 'failure', message: regressionsInWords(regressions) }];
  }
  const nothing = regressions.updates === 0;
  const message = nothing ? 'no row was replaced, so none could go back' : '';
  return [{ ...base, kind: nothing ? 'skipped' : 'passed', message }];
}

function checks(record: RunRecord): readonly Case[] {
  return record.checks.map((check) => {
    const measured = `measured ${inUnit(check.measured, check.unit)}, n ${check.n}`;
    const kinds = { PASS: 'passed', FAIL: 'failure', INVALID: 'error', NO_DATA: 'error' } as const;
    const message = check.reason ? `${check.reason} (${measured})` : measured;
    return { name: check.text, group: 'checks', kind: kinds[check.verdict], message };
  });
}

function caseXml(one: Case, suite: string): string {
  const open = `    <testcase classname="${xml(`${suite}.${one.group}`)}" name="${xml(one.name)}"`;
  if (one.kind === 'passed') {
    return one.message === ''
      ? `${open}/>`
      : `${open}><system-out>${xml(one.message)}</system-out></testcase>`;
  }
  return `${open}><${one.kind} message="${xml(one.message)}"/></testcase>`;
}

/** Escaped for an attribute or a text; characters XML cannot hold at all become U+FFFD. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/\n/g, '&#10;');
}
