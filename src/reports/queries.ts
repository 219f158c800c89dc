import type { Distribution, RunRecord } from '../record/record.ts';
import { stockOf } from '../record/stock.ts';
import { distribution, measuredPhases, queryNames, queryPhases, queryResult } from './find.ts';
import { count, duration, durationPair, latency, plural, ratio } from './format.ts';
import { type Cell, cell, left, right, type Section } from './section.ts';

/** What answered the queries. Records that do not name it are of when there was DuckDB alone. */
function enginesOf({ queries }: RunRecord): string {
  const engines = queries?.results.map(({ engine = 'duckdb' }) => engine) ?? [];
  return [...new Set(engines)].map((engine) => ENGINE_NAMES[engine] ?? engine).join(', ');
}

/** As their makers write them. */
const ENGINE_NAMES: Readonly<Record<string, string>> = {
  duckdb: 'DuckDB',
  spark: 'Spark',
  trino: 'Trino',
  'in-process': 'DuckDB in this process (by a law, not measured)',
};

/** The rounds before and after compaction, hot and cold. */
export function querySection(record: RunRecord): Section | null {
  const phases = queryPhases(record);
  const modes = ['hot', 'cold'] as const;
  const givenUp = record.queries?.timeoutMs ?? 0;
  const first = phases[0];
  const last = phases.at(-1);
  const rows: Cell[][] = [];
  const untouched = untouchedBy(record);
  for (const query of queryNames(record)) {
    const isUntouched = untouched.has(query);
    for (const mode of modes) {
      const found = phases.map((phase) => queryResult(record, query, phase.name, mode));
      if (found.every((result) => result === undefined)) continue;
      rows.push([
        cell(mode === 'hot' ? query : ''),
        cell(mode, 'dim'),
        ...found.flatMap((result) => latencyCells(result, givenUp)),
        ...(first === last
          ? []
          : [changeCell(found[0]?.stats.p50, found.at(-1)?.stats.p50, isUntouched)]),
      ]);
    }
    const ages = phases.map(({ name }) => distribution(record, 'answer_age', query, name));
    if (ages.some((age) => age !== undefined)) {
      rows.push([
        cell(''),
        cell('answer age', 'dim'),
        ...ages.flatMap((age) => ageCells(age, givenUp)),
        ...(first === last ? [] : [cell('')]),
      ]);
    }
  }
  if (rows.length === 0) return null;
  const notes: Cell[] = [];
  if (first !== last && untouched.size > 0) {
    const read = Array.from(untouched, ([query, tables]) => `${query} (${tables.join(', ')})`);
    notes.push(
      cell(
        `no table rewritten is read by ${read.join(', ')}: compaction is not what changed it`,
        'dim',
      ),
    );
  }
  for (const phase of phases) {
    const stock = phase.drain?.tables.find(({ table }) => table === stockOf(record));
    if (!phase.drain) continue;
    const mark = stock
      ? `, ${stock.table} at ${count(stock.rows ?? 0)} rows, snapshot ${stock.snapshotId ?? 'none'}`
      : '';
    notes.push(
      phase.drain.drained
        ? cell(`${phase.name}: drained in ${duration(phase.drain.tookMs)}${mark}`, 'dim')
        : cell(
            `${phase.name}: not drained within ${duration(phase.drain.withinMs)}${mark}`,
            'warn',
          ),
    );
  }
  const attach = record.queries?.results.flatMap(({ attachP50Ms }) => attachP50Ms ?? []) ?? [];
  if (attach.length > 0) {
    notes.push(
      cell(
        `cold is a new engine instance over warm operating-system and object-store caches; loading and attaching took another ${duration(Math.min(...attach))} to ${duration(Math.max(...attach))} (p50 per query)`,
        'dim',
      ),
    );
  }
  return {
    id: 'queries',
    title: 'Queries, round by round',
    about: `Latency through ${enginesOf(record)} from the intended start, queueing included, under load. Time-outs and failures are counted, and enter the quantiles as +∞ (“≥” the time-out). Answer age, of the hot round: how far behind reality the answer was when it arrived.`,
    tables: [
      {
        columns: [
          left('query'),
          left('mode'),
          ...phases.flatMap(({ name }) => [right(`${name} p50`), right('max'), right('n')]),
          ...(first === last ? [] : [right(`${last?.name} / ${first?.name}`)]),
        ],
        rows,
      },
    ],
    notes,
  };
}

type Result = ReturnType<typeof queryResult>;

function latencyCells(result: Result, givenUp: number): readonly Cell[] {
  if (!result || result.n === 0) return [cell('no data', 'warn'), cell(''), cell('0', 'dim')];
  const { stats, n, outcomes } = result;
  const failed = n - outcomes.ok;
  return [
    cell(latency(stats.p50, givenUp), stats.p50 === null ? 'bad' : 'plain'),
    cell(latency(stats.max, givenUp), stats.max === null ? 'bad' : 'dim'),
    cell(failed > 0 ? `${n} (${failed} failed)` : String(n), failed > 0 ? 'bad' : 'dim'),
  ];
}

function ageCells(age: Distribution | undefined, givenUp: number): readonly Cell[] {
  if (!age || age.n === 0) return [cell('no data', 'warn'), cell(''), cell('0', 'dim')];
  const tone = (ms: number | null | undefined) => (ms === null ? 'bad' : 'dim');
  return [
    cell(latency(age.stats.p50, givenUp), tone(age.stats.p50)),
    cell(latency(age.stats.max, givenUp), tone(age.stats.max)),
    cell(count(age.n), 'dim'),
  ];
}

function changeCell(
  before: number | null | undefined,
  after: number | null | undefined,
  isUntouched: boolean,
): Cell {
  if (typeof before !== 'number' || typeof after !== 'number') return cell('no data', 'warn');
  const change = after / before;
  if (isUntouched) return cell(`${ratio(change)}x`, 'dim');
  return cell(`${ratio(change)}x`, change < 0.9 ? 'good' : change > 1.1 ? 'bad' : 'plain');
}

/** The queries that read no table which a compaction or maintenance rewrote, and the tables that they read. */
function untouchedBy(record: RunRecord): ReadonlyMap<string, readonly string[]> {
  const runs = [...record.compactions, ...(record.maintenance?.runs ?? [])];
  const rewritten = new Set(
    runs.flatMap(({ outcome, tables }) => (outcome === 'committed' ? tables : [])),
  );
  const untouched = new Map<string, readonly string[]>();
  if (rewritten.size === 0) return untouched;
  for (const { query, reads } of record.queries?.results ?? []) {
    if (reads?.every((table) => !rewritten.has(table))) untouched.set(query, reads);
  }
  return untouched;
}

/** Background queries through every phase: the latency that an application would see. */
export function trickleSection(record: RunRecord): Section | null {
  const phases = measuredPhases(record);
  const givenUp = record.queries?.timeoutMs ?? 0;
  const shown = phases.filter((phase) =>
    record.queries?.results.some(
      ({ mode, phase: name }) => mode === 'trickle' && name === phase.name,
    ),
  );
  if (shown.length === 0) return null;
  const rows = queryNames(record).flatMap((query) => {
    const latencies = shown.flatMap(({ name }) => {
      const result = queryResult(record, query, name, 'trickle');
      return pairCells(result, result?.outcomes.ok, givenUp);
    });
    const ages = shown.map(({ name }) => trickleAge(record, query, name));
    const row = [cell(query), cell('latency', 'dim'), ...latencies];
    if (ages.every((age) => age === undefined)) return [row];
    return [
      row,
      [
        cell(''),
        cell('answer age', 'dim'),
        ...ages.flatMap((age) => (age ? pairCells(age, age.n, givenUp) : NOT_HERE)),
      ],
    ];
  });
  const crashes = record.queries?.crashes ?? 0;
  return {
    id: 'trickle',
    title: 'Queries while the load ran',
    about: `p50 / max of one query in turn every ${duration(record.queries?.everyMs ?? 0)}, through all phases; given up after ${duration(record.queries?.timeoutMs ?? 0)}. Answer age: how far behind reality the answer was when it arrived.`,
    tables: [
      {
        columns: [
          left('query'),
          left(''),
          ...shown.flatMap(({ name }) => [right(name), right('n')]),
        ],
        rows,
      },
    ],
    notes:
      crashes > 0
        ? [cell(`the query engine died ${plural(crashes, 'time')} and was started again`, 'warn')]
        : [],
  };
}

const NOT_HERE = [cell('–', 'dim'), cell('')];

/** In a query phase the metric is that of the round, and background queries have none. */
function trickleAge(record: RunRecord, query: string, phase: string): Distribution | undefined {
  const inRound = queryPhases(record).some(({ name }) => name === phase);
  return inRound ? undefined : distribution(record, 'answer_age', query, phase);
}

function pairCells(
  found: { readonly n: number; readonly stats: Distribution['stats'] } | undefined,
  ok: number | undefined,
  givenUp: number,
): readonly Cell[] {
  if (!found || found.n === 0) return [cell('no data', 'warn'), cell('0', 'dim')];
  const { n, stats } = found;
  const failed = n - (ok ?? n);
  return [
    cell(durationPair(stats.p50, stats.max, givenUp), stats.max === null ? 'bad' : 'plain'),
    cell(failed > 0 ? `${n} (${failed} failed)` : String(n), failed > 0 ? 'bad' : 'dim'),
  ];
}
