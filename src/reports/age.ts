import type { RecordedPhase, RunRecord } from '../record/record.ts';
import { distribution, measuredPhases, streamsOf } from './find.ts';
import { count, durationPair } from './format.ts';
import { type Cell, cell, left, right, type Section } from './section.ts';

/** Age per phase and stream, of the stream as a whole and store by store; the worst store by its number. */
export function ageSection(record: RunRecord): Section | null {
  const streams = streamsOf(record);
  const rows = measuredPhases(record).flatMap((phase) => phaseRows(record, phase, streams));
  // The chart exists from the first second on, even if no phase has ended.
  if (rows.length === 0 && record.staleness.length === 0) return null;
  return {
    id: 'age',
    title: 'Age',
    about:
      'Age of the oldest change that no query can see yet: how far a dashboard is behind at that moment. 0 if nothing is pending. p50 / p99 of the time: of the whole chain, and store by store, where the median and the worst are over the stores that had such a change in this run.',
    tables:
      rows.length === 0
        ? []
        : [{ columns: [left('phase'), left('age of'), ...streams.map(right)], rows }],
    notes: rows.length === 0 ? [cell('no data: no measured phase has ended', 'warn')] : [],
  };
}

function phaseRows(
  record: RunRecord,
  { name }: RecordedPhase,
  streams: readonly string[],
): readonly (readonly Cell[])[] {
  const whole = streams.map((stream) => distribution(record, 'age', stream, name));
  if (whole.every((metric) => metric === undefined)) return [];
  const first = [
    cell(name),
    cell('all stores'),
    ...whole.map((metric) => pair(metric?.stats.p50, metric?.stats.p99 ?? metric?.stats.max)),
  ];
  const stores = streams.map((stream) => {
    const found = record.storeAge?.find((one) => one.stream === stream && one.phase === name);
    const p99 = distribution(record, 'store_age', stream, name)?.stats.p50;
    return { median: pair(found?.p50.p50, p99), worst: found?.worst[0], stores: found?.stores };
  });
  if (stores.every(({ worst }) => worst === undefined)) return [first];
  return [
    first,
    [cell(''), cell('the median store', 'dim'), ...stores.map(({ median }) => median)],
    [
      cell(''),
      cell('the worst store', 'dim'),
      ...stores.map(({ worst }) => pair(worst?.p50Ms, worst?.p99Ms)),
    ],
    [
      cell(''),
      cell('which, over n', 'dim'),
      ...stores.map(({ worst, stores: n }) =>
        cell(worst ? `store ${worst.store}, n ${count(n ?? 0)}` : '–', 'dim'),
      ),
    ],
  ];
}

function pair(p50: number | null | undefined, p99: number | null | undefined): Cell {
  return p50 === undefined ? cell('no data', 'warn') : cell(durationPair(p50, p99, 0));
}
