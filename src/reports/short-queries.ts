import { ratioInterval } from '../core/intervals.ts';
import { MIN_SAMPLES } from '../core/metrics.ts';
import { valuesOf } from '../core/stats.ts';
import { mainQuery } from '../record/main-query.ts';
import type { QueryResult, RunRecord } from '../record/record.ts';
import { queryNames, queryPhases, queryResult } from './find.ts';
import { count, latency, plural, ratio } from './format.ts';
import { type Block, type Column, clipped, row, tabulated, titled } from './screen.ts';
import { type Cell, cell } from './section.ts';

/** The hot query rounds: before and after, with their ratio. */
export function queryBlock(record: RunRecord, width: number): Block {
  const phases = queryPhases(record);
  const [first, last] = [phases[0], phases.at(-1)];
  if (first === undefined || last === undefined) return { rows: [] };
  const givenUp = record.queries?.timeoutMs ?? 0;
  const names = queryNames(record).filter((query) =>
    phases.some(({ name }) => queryResult(record, query, name, 'hot') !== undefined),
  );
  if (names.length === 0) return { rows: [] };
  const rounds = first === last ? [first] : [first, last];
  const columns: Column[] = [
    { name: 'Query, hot p50', align: 'left', keep: Number.POSITIVE_INFINITY },
    ...rounds.map(({ name }) => ({ name, align: 'right' as const, keep: 100 })),
    ...(first === last
      ? [{ name: 'max', align: 'right' as const, keep: 90 }]
      : [
          {
            name: `${clipped(last.name, 10)} / ${clipped(first.name, 10)}`,
            align: 'right' as const,
            keep: 100,
          },
          { name: '95 % interval', align: 'right' as const, keep: 90 },
        ]),
    { name: 'n', align: 'right', keep: 95 },
  ];
  const main = mainQuery(record);
  const { lines } = tabulated(
    columns,
    names.map((query) => {
      const found = rounds.map(({ name }) => queryResult(record, query, name, 'hot'));
      return queryCells(query, found, givenUp);
    }),
    width,
  );
  const [head = [], ...found] = lines;
  return {
    rows: [
      row(93, titled(head)),
      ...found.map((line, i) => row(names[i] === main ? 93 : 42, line)),
    ],
    more: (hidden) => `${plural(hidden.length, 'more query', 'more queries')}`,
  };
}

function queryCells(
  query: string,
  found: readonly (QueryResult | undefined)[],
  givenUp: number,
): readonly Cell[] {
  const p50 = (one: QueryResult | undefined) =>
    one === undefined || one.n === 0
      ? cell('no data', 'warn')
      : cell(latency(one.stats.p50, givenUp), one.stats.p50 === null ? 'bad' : 'plain');
  const [before, after] = found;
  return [
    cell(query),
    ...found.map(p50),
    ...(found.length === 1
      ? [cell(latency(before?.stats.max, givenUp), 'dim')]
      : [changeCell(before, after), changeInterval(before, after)]),
    countCell(found),
  ];
}

function countCell(found: readonly (QueryResult | undefined)[]): Cell {
  const n = [...new Set(found.map((one) => count(one?.n ?? 0)))].join(' and ');
  const failed = found.reduce((sum, one) => sum + (one ? one.n - one.outcomes.ok : 0), 0);
  return failed > 0 ? cell(`${n}, ${count(failed)} failed`, 'bad') : cell(n, 'dim');
}

function changeCell(before: QueryResult | undefined, after: QueryResult | undefined): Cell {
  const [from, to] = [before?.stats.p50, after?.stats.p50];
  if (typeof from !== 'number' || typeof to !== 'number' || from === 0)
    return cell('no data', 'warn');
  const change = to / from;
  return cell(`${ratio(change)}x`, change < 0.9 ? 'good' : change > 1.1 ? 'bad' : 'plain');
}

/** Interval of the ratio of two medians, as for a check (intervals.ts); empty if there are too few answers. */
function changeInterval(before: QueryResult | undefined, after: QueryResult | undefined): Cell {
  if (before?.samples?.kind !== 'raw' || after?.samples?.kind !== 'raw') return cell('–', 'dim');
  if (Math.min(before.n, after.n) < MIN_SAMPLES) return cell(`n < ${MIN_SAMPLES}`, 'warn');
  const { low, high } = ratioInterval(valuesOf(after.samples), valuesOf(before.samples), 'p50');
  return cell(`${ratio(low)}–${high === Number.POSITIVE_INFINITY ? '∞' : ratio(high)}`, 'dim');
}
