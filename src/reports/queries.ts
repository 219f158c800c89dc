import type { RunRecord } from '../record/record.ts';
import { measuredPhases, queryNames, queryPhases, queryResult } from './find.ts';
import { count, duration, durationPair, latency, plural, ratio } from './format.ts';
import { type Cell, cell, left, right, type Section } from './section.ts';

/** The rounds before and after compaction, hot and cold apart. */
export function querySection(record: RunRecord): Section | null {
  const phases = queryPhases(record);
  const modes = ['hot', 'cold'] as const;
  const givenUp = record.queries?.timeoutMs ?? 0;
  const first = phases[0];
  const last = phases.at(-1);
  const rows: Cell[][] = [];
  for (const query of queryNames(record)) {
    for (const mode of modes) {
      const found = phases.map((phase) => queryResult(record, query, phase.name, mode));
      if (found.every((result) => result === undefined)) continue;
      rows.push([
        cell(mode === 'hot' ? query : ''),
        cell(mode, 'dim'),
        ...found.flatMap((result) => latencyCells(result, givenUp)),
        ...(first === last ? [] : [changeCell(found[0]?.stats.p50, found.at(-1)?.stats.p50)]),
      ]);
    }
  }
  if (rows.length === 0) return null;
  const notes: Cell[] = [];
  for (const phase of phases) {
    const inventory = phase.drain?.tables.find(({ table }) => table === 'inventory');
    if (!phase.drain) continue;
    const mark = inventory
      ? `, inventory at ${count(inventory.rows ?? 0)} rows, snapshot ${inventory.snapshotId ?? 'none'}`
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
    about:
      'Latency through DuckDB from the intended start, queueing included, with the load going on beneath. Time-outs and failures are counted, and enter the quantiles as +∞ (“≥” the time-out).',
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

function changeCell(before: number | null | undefined, after: number | null | undefined): Cell {
  if (typeof before !== 'number' || typeof after !== 'number') return cell('no data', 'warn');
  const change = after / before;
  return cell(`${ratio(change)}x`, change < 0.9 ? 'good' : change > 1.1 ? 'bad' : 'plain');
}

/** The steady trickle through every phase: what an application would have felt. */
export function trickleSection(record: RunRecord): Section | null {
  const phases = measuredPhases(record);
  const givenUp = record.queries?.timeoutMs ?? 0;
  const shown = phases.filter((phase) =>
    record.queries?.results.some(
      ({ mode, phase: name }) => mode === 'trickle' && name === phase.name,
    ),
  );
  if (shown.length === 0) return null;
  const rows = queryNames(record).map((query) => [
    cell(query),
    ...shown.flatMap((phase) => {
      const result = queryResult(record, query, phase.name, 'trickle');
      if (!result || result.n === 0) return [cell('no data', 'warn'), cell('0', 'dim')];
      const failed = result.n - result.outcomes.ok;
      return [
        cell(
          durationPair(result.stats.p50, result.stats.max, givenUp),
          result.stats.max === null ? 'bad' : 'plain',
        ),
        cell(
          failed > 0 ? `${result.n} (${failed} failed)` : String(result.n),
          failed > 0 ? 'bad' : 'dim',
        ),
      ];
    }),
  ]);
  const crashes = record.queries?.crashes ?? 0;
  return {
    id: 'trickle',
    title: 'Queries while the load ran',
    about: `p50 / max of one query in turn every ${duration(record.queries?.everyMs ?? 0)}, through all phases; given up after ${duration(record.queries?.timeoutMs ?? 0)}.`,
    tables: [
      {
        columns: [left('query'), ...shown.flatMap(({ name }) => [right(name), right('n')])],
        rows,
      },
    ],
    notes:
      crashes > 0
        ? [cell(`the query engine died ${plural(crashes, 'time')} and was started again`, 'warn')]
        : [],
  };
}
