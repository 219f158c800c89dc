import type { RunRecord, TruthRecord } from '../record/record.ts';
import { count, duration, money, plural, signed } from './format.ts';
import { regressionNotes } from './regressions.ts';
import { type Cell, cell, left, right, type Section, type Table } from './section.ts';

/** Description of each kind of fault; checks and docs/correctness.md use the kind. */
const IN_WORDS: Readonly<Record<string, string>> = {
  identical: 'sent again, unchanged',
  new_id: 'sent again, new id',
  changed_payload: 'sent again, changed',
  constant_id: 'one id for everything',
  malformed: 'damaged in transit',
  redelivery: 're-sent after a crash',
  late: 'over 10 s in transit',
  offline: 'store was offline',
  clock_off: 'device clock is off',
  wrong_date: 'device on a wrong date',
  clock_change: 'daylight-saving hour',
  field_added: 'with a new field',
  type_widened: 'numbers sent as text',
  training: 'rung up in training',
  return: 'returned goods',
  sequence_wrap: 'receipt number reused',
  deleted: 'delisted',
  none: 'unexplained',
};

const READING_IN_WORDS: Readonly<
  Record<NonNullable<TruthRecord['readings']>[number]['name'], string>
> = {
  'returns-as-zero': 'takes a negative total for 0, so that returns cost nothing',
  'training-counted': 'counts what was rung up in training as takings',
  'claimed-hour': 'books by the till’s clock, and not by when it happened',
  'natural-key': 'takes till, day and receipt number for an identity',
};

/** CONTRACT, which must hold; the distance from BOOK by kind; and errors of naive readings of the tables. */
export function truthSection(record: RunRecord): Section | null {
  const { truth } = record;
  if (!truth) return null;
  const tables = [contractTable(truth), scoresTable(truth), readingsTable(truth)];
  return {
    id: 'truth',
    title: 'Truth',
    about:
      'Against CONTRACT (what this SQL must give for what was appended) everything must be 0, and no row may go back to an older version where a version is promised. Against BOOK (what happened in the shops): what the design caught of each fault, what it missed (a row too many, or one that says something wrong) and what it wrongly dropped (a real event without a row). Last, the errors of naive reports on the same tables.',
    tables: tables.filter((table) => table.rows.length > 0),
    notes: [
      ...notJudged(truth),
      ...(truth.notSeenWithinMs === null
        ? []
        : [
            cell(
              `not drained: rows are "not seen within ${duration(truth.notSeenWithinMs)}", not proven lost`,
              'warn',
            ),
          ]),
      ...stockNote(truth),
      ...readersNote(truth),
      ...copiesNote(truth),
      ...regressionNotes(record),
      ...takingsNote(truth),
      ...(truth.notScored?.length
        ? [cell(`not scored (–): the tables have no ${truth.notScored.join(', ')}`, 'warn')]
        : []),
      ...truth.examples
        .slice(0, 5)
        .map((row) =>
          cell(
            `${row.kind} in ${row.table}: ${row.key}: expected ${row.expected}, found ${row.found}`,
            'bad',
          ),
        ),
    ],
  };
}

/** What was not judged, with the reason: such a run never passes. */
export function notJudged(truth: TruthRecord | null): readonly Cell[] {
  return (truth?.notJudged ?? []).map(({ what, reason }) =>
    cell(`${what} was not judged: ${reason}`, 'bad'),
  );
}

function stockNote({ keysCompared, bookUnits }: TruthRecord): readonly Cell[] {
  if (keysCompared === undefined || bookUnits === undefined) return [];
  const off = bookUnits === 0 ? 'equal to' : `${plural(bookUnits, 'unit')} away from`;
  const tone = bookUnits === 0 ? 'dim' : 'warn';
  return [cell(`on-hand of ${plural(keysCompared, 'key')} is ${off} BOOK`, tone)];
}

/** Engines that read tables, if another one than the query engine. */
function readersNote({ tables }: TruthRecord): readonly Cell[] {
  const others = tables.filter(({ readBy }) => readBy !== null && readBy !== 'DuckDB');
  if (others.length === 0) return [];
  const list = others.map(({ table, readBy }) => `${table} by ${readBy}`).join(', ');
  return [cell(`read for the oracles by another engine than DuckDB: ${list}`, 'dim')];
}

/** A design without deduplication is judged like the others: the note says that its duplicates are no accident. */
function copiesNote({ tables }: TruthRecord): readonly Cell[] {
  const kept = tables.filter(({ copies }) => copies === 'kept').map(({ table }) => table);
  if (kept.length === 0) return [];
  const text = `the pipeline declares that it keeps copies of a record (copies: kept): ${kept.join(', ')}`;
  return [cell(text, 'warn')];
}

function contractTable(truth: TruthRecord): Table {
  const zero = (n: number | undefined) =>
    n === undefined ? cell('–', 'dim') : cell(count(n), n > 0 ? 'bad' : 'good');
  return {
    columns: [
      left('table'),
      right('expected rows'),
      right('found'),
      right(truth.notSeenWithinMs === null ? 'lost' : 'not seen'),
      right('duplicated'),
      right('wrong, units'),
    ],
    rows: truth.tables.map((row) => [
      cell(row.table),
      cell(count(row.expected)),
      cell(count(row.found)),
      zero(row.lost),
      zero(row.duplicated),
      zero(row.wrong),
    ]),
  };
}

/** One row per kind; a column without values (in records before scores) is left out. */
function scoresTable({ distance }: TruthRecord): Table {
  const scored = (n: number | undefined, text = count) =>
    n === undefined ? cell('–', 'dim') : cell(text(n), n > 0 ? 'warn' : 'plain');
  const caught = distance.some((row) => row.caught !== undefined);
  const cents = distance.some((row) => row.cents !== undefined);
  return {
    columns: [
      left('kind'),
      left('what went wrong'),
      right('injected'),
      ...(caught ? [right('caught')] : []),
      right('missed'),
      right('dropped'),
      right('units off'),
      ...(cents ? [right('takings off')] : []),
    ],
    rows: distance.map((row) => [
      cell(row.fault),
      cell(Object.hasOwn(IN_WORDS, row.fault) ? (IN_WORDS[row.fault] as string) : '', 'dim'),
      cell(count(row.injected), 'dim'),
      ...(caught ? [cell(row.caught === undefined ? '–' : count(row.caught))] : []),
      scored(row.leaked),
      scored(row.dropped),
      scored(row.units),
      ...(cents ? [scored(row.cents, money)] : []),
    ]),
  };
}

function readingsTable({ readings = [] }: TruthRecord): Table {
  return {
    columns: [left('a report that'), right('misreads'), right('and is off by')],
    rows: readings.map(({ name, rows, cents }) => [
      cell(READING_IN_WORDS[name]),
      cell(plural(rows, 'receipt'), rows > 0 ? 'warn' : 'plain'),
      cell(
        name === 'claimed-hour' ? `${money(cents)} in a wrong hour` : signed(cents, money),
        cents === 0 ? 'plain' : 'warn',
      ),
    ]),
  };
}

function takingsNote({ takings }: TruthRecord): readonly Cell[] {
  if (takings === undefined) return [];
  const off = takings.shown - takings.book;
  const verdict = off === 0 ? 'equal to' : `${money(Math.abs(off))} ${off > 0 ? 'above' : 'below'}`;
  return [
    cell(`takings of ${money(takings.shown)} are ${verdict} BOOK`, off === 0 ? 'dim' : 'warn'),
  ];
}
