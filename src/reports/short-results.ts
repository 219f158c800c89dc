import { mainQuery } from '../record/main-query.ts';
import type { CheckResult, CompactionRecord, RunRecord } from '../record/record.ts';
import { peakPhase, queryPhases, queryResult, tablesOf } from './find.ts';
import {
  bytes,
  count,
  duration,
  latency,
  moment,
  paybackText,
  percent,
  plural,
  ratio,
  tail,
} from './format.ts';
import { maintenanceCell } from './maintenance.ts';
import { type Block, labelled, type Row, row } from './screen.ts';
import { type Cell, cell } from './section.ts';

/** One line each: faults, files, compaction, truth, promises, and whether the harness can be trusted. */
export function resultBlock(record: RunRecord, width: number): Block {
  const line = (keep: number, label: string, found: Cell | null): readonly Row[] =>
    found === null ? [] : [row(keep, ...labelled(label, found.text, width, found.tone))];
  return {
    rows: [
      ...(record.faults ?? []).flatMap((fault) => line(75, 'Fault', faultCell(fault))),
      ...filesCells(record).flatMap((cells) => line(92, 'Files', cells)),
      ...record.compactions.flatMap((run, _, all) =>
        line(82, 'Compaction', ofPhase(compactionCell(run), run, all)),
      ),
      ...line(81, 'Maintained', maintenanceCell(record)),
      ...line(48, 'Background', backgroundCell(record)),
      ...line(94, 'Truth', truthCell(record)),
      ...line(84, 'Promises', promisesCell(record)),
      ...line(86, 'Harness', harnessCell(record)),
    ],
    more: (hidden) => `${plural(hidden.length, 'more result')}`,
  };
}

const DONE = { pause: 'paused', kill: 'killed', restart: 'restarted' } as const;

function faultCell({
  act,
  server,
  startMs,
  backMs,
  recoveryMs,
}: NonNullable<RunRecord['faults']>[number]): Cell {
  const back = backMs === null ? 'never back' : `back after ${duration(backMs - startMs)}`;
  const recovered =
    recoveryMs === undefined
      ? 'recovery: no data'
      : recoveryMs === null
        ? 'age was not below the target again'
        : `age below the target ${duration(recoveryMs)} later`;
  const tone = backMs === null || recoveryMs === null ? 'bad' : 'plain';
  return cell(`${server} ${DONE[act]} at ${moment(startMs)}, ${back}, ${recovered}`, tone);
}

interface LiveFiles {
  readonly dataFiles: number;
  readonly equalityDeleteFiles: number;
  readonly positionDeleteFiles: number;
}

const filesOf = (files: LiveFiles) =>
  files.dataFiles + files.equalityDeleteFiles + files.positionDeleteFiles;

/** Names the compaction if there are several. */
function ofPhase(
  { text, tone }: Cell,
  { phase }: CompactionRecord,
  all: readonly CompactionRecord[],
): Cell {
  return cell(all.length === 1 ? text : `${phase}: ${text}`, tone);
}

/** Files before and after each compaction; without one, at the end of the last load phase and at the end of the run. */
function filesCells(record: RunRecord): readonly Cell[] {
  const compacted = record.compactions.flatMap((run, _, all) => {
    const found = compactedFiles(run);
    return found === null ? [] : [ofPhase(found, run, all)];
  });
  const live = liveFiles(record);
  return compacted.length > 0 ? compacted : live === null ? [] : [live];
}

function compactedFiles({ before, after, tables }: CompactionRecord): Cell | null {
  if (before && after) {
    const change = (of: (files: LiveFiles) => number) =>
      `${count(of(before))} → ${count(of(after))}`;
    const deletes = (files: LiveFiles) => filesOf(files) - files.dataFiles;
    return cell(
      `${change(filesOf)} in ${tables.join(', ')} (data ${change((of) => of.dataFiles)}, ` +
        `deletes ${change(deletes)}), ${bytes(before.bytes)} → ${bytes(after.bytes)}`,
    );
  }
  return null;
}

function liveFiles(record: RunRecord): Cell | null {
  const { layout } = record;
  const load = record.phases.findLast(({ kind }) => kind === 'load')?.name;
  const at = [load, 'end'].flatMap((mark) => {
    const found = layout?.marks.filter((one) => one.mark === mark) ?? [];
    const sum = found.reduce((files, one) => files + filesOf(one), 0);
    return found.length === 0
      ? []
      : [`${count(sum)} ${mark === 'end' ? 'at the end' : `after ${mark}`}`];
  });
  if (at.length === 0) return null;
  return cell(`${at.join(', ')}, live in ${plural(tablesOf(record).length, 'table')}`);
}

function compactionCell(run: CompactionRecord): Cell {
  if (run.outcome === 'failed')
    return cell(`by ${run.by}: failed: ${run.error ?? 'no reason'}`, 'bad');
  const { payback, coreSeconds } = run;
  const worth =
    payback.kind === 'pays back'
      ? cell(`pays back after ${paybackText(payback)} query rounds`, 'good')
      : payback.kind === 'no data'
        ? cell(`payback: no data, ${payback.reason}`, 'warn')
        : cell('does not pay back', 'bad');
  const cost = [
    `${run.by} ${duration(run.wallMs)}`,
    `start-up ${duration(run.startupMs)}`,
    ...(coreSeconds === null ? [] : [`${ratio(coreSeconds)} core-s`]),
  ];
  return cell(`${worth.text} (${cost.join(', ')})`, worth.tone);
}

/** The main query under the peak load, if there is no query round. */
function backgroundCell(record: RunRecord): Cell | null {
  const [query, peak] = [mainQuery(record), peakPhase(record)];
  if (queryPhases(record).length > 0 || query === undefined || peak === undefined) return null;
  const found = queryResult(record, query, peak.name, 'trickle');
  if (found === undefined || found.n === 0) return null;
  const givenUp = record.queries?.timeoutMs ?? 0;
  const { p50, max } = found.stats;
  const failed = found.n - found.outcomes.ok;
  return cell(
    `${query} during ${peak.name}: p50 ${latency(p50, givenUp)}, max ${latency(max, givenUp)}, n ${count(found.n)}, ${count(failed)} failed`,
    failed > 0 ? 'bad' : 'plain',
  );
}

function truthCell({ truth, regressions }: RunRecord): Cell | null {
  if (!truth) return null;
  const { lost, duplicated, wrong, tables, notSeenWithinMs, bookUnits } = truth;
  const shown = (n: number | undefined, what: string) =>
    `${n === undefined ? '–' : count(n)} ${what}`;
  const rows = tables.reduce((sum, { expected }) => sum + expected, 0);
  const back = regressions ? `, ${count(regressions.count)} regressed` : '';
  const book =
    bookUnits === undefined
      ? ''
      : `; stock ${bookUnits === 0 ? 'equals' : `is ${plural(bookUnits, 'unit')} from`} BOOK`;
  const text =
    `${shown(lost, notSeenWithinMs === null ? 'lost' : `not seen within ${duration(notSeenWithinMs)}`)}, ` +
    `${shown(duplicated, 'duplicated')}, ${shown(wrong, 'units wrong')}${back} ` +
    `of ${plural(rows, 'row')} in ${plural(tables.length, 'table')}${book}`;
  const bad = [lost, duplicated, wrong, regressions?.count].some((n) => (n ?? 0) > 0);
  return cell(text, bad ? 'bad' : lost === undefined || truth.notJudged ? 'warn' : 'good');
}

function promisesCell(record: RunRecord): Cell | null {
  const peak = peakPhase(record)?.name;
  const order = record.promises?.phases.find(({ phase }) => phase === peak)?.order;
  if (!order?.broken) return null;
  const { per10k, low, high } = order.broken;
  const rate = (value: number) => (Math.abs(value) < 9.95 ? value.toFixed(1) : count(value));
  return cell(
    `${peak}: ${count(order.stale + order.phantom)} of ${plural(order.promised, 'pickup order')} broken ` +
      `(${count(order.stale)} stale), ${rate(per10k)} [${rate(low)}–${rate(high)}] per 10,000`,
    order.stale > 0 ? 'warn' : 'plain',
  );
}

function harnessCell({ self, canaries }: RunRecord): Cell | null {
  if (!self) return null;
  const worst = self.slip
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => (tail(b.stats).value ?? Infinity) - (tail(a.stats).value ?? Infinity))[0];
  const slip = worst
    ? `slip ${tail(worst.stats).name} ${latency(tail(worst.stats).value, 0)} (n ${count(worst.n)})`
    : 'slip: no data';
  const share = (value: number | undefined) => (value === undefined ? 'no data' : percent(value));
  const agree = canaries
    ? `, ${count(canaries.compared - canaries.disjoint)} of ${plural(canaries.compared, 'canary', 'canaries')} agree`
    : '';
  return cell(
    `${slip}, ${share(self.harnessShare)} of the machine (${share(self.machineBusy)} busy)${agree}`,
    canaries && canaries.disjoint > 0 ? 'bad' : 'plain',
  );
}

const NOT_JUDGED = {
  interrupted: 'the run was interrupted, and nothing is judged',
  'stack-broke': 'a server or the machine failed, and nothing is judged',
  crashed: 'an error in doorbuster ended the run, and nothing is judged',
} as const;

/** The reason for a run's verdict, or for its absence, as a sentence. */
export function verdictReason(record: RunRecord): string {
  if (record.outcome === 'part') {
    const { number, of, load } = record.shard;
    return `part ${number} of ${of} of ${load}: judged when all parts are merged`;
  }
  if (record.outcome === 'aborted') return record.headline.text;
  if (record.outcome !== 'completed') return NOT_JUDGED[record.outcome];
  const { verdict, truth, regressions, checks, invalid } = record;
  const { lost = 0, duplicated = 0, wrong = 0, notJudged = [] } = truth;
  const failing = (which: CheckResult['verdict']) =>
    checks.filter((check) => check.verdict === which).length;
  const some = (n: number, text: string) => (n > 0 ? [text] : []);
  const parts = {
    PASS: [
      checks.length === 0
        ? 'the scenario has no checks'
        : `all ${plural(checks.length, 'check')} passed`,
    ],
    FAIL: [
      ...some(lost, `${plural(lost, 'row')} lost`),
      ...some(duplicated, `${count(duplicated)} duplicated`),
      ...some(wrong, `stock wrong by ${plural(wrong, 'unit')}`),
      ...some(regressions?.count ?? 0, plural(regressions?.count ?? 0, 'regression')),
      ...some(
        failing('FAIL'),
        `${count(failing('FAIL'))} of ${plural(checks.length, 'check')} failed`,
      ),
      ...some(failing('NO_DATA'), `${count(failing('NO_DATA'))} without data`),
      ...some(invalid.length, `${plural(invalid.length, 'limit')} of the harness exceeded`),
    ],
    INVALID: [
      `${plural(invalid.length, 'limit')} exceeded: the harness or the machine shaped the numbers`,
    ],
    NO_DATA: [
      ...some(
        failing('NO_DATA'),
        `${count(failing('NO_DATA'))} of ${plural(checks.length, 'check')} undecided`,
      ),
      ...some(
        notJudged.length,
        `${plural(notJudged.length, 'comparison')} with the truth not made`,
      ),
    ],
  }[verdict];
  return parts.join(', ');
}
