import { changePoints } from '../core/change-points.ts';
import type { RunRecord } from '../record/record.ts';
import { otherTraffic, scenarioOf } from './comparison.ts';
import { type Measure, measuresOf } from './measures.ts';
import { isCounted } from './repetition.ts';

/** Fewest values of a series in which a change can be found. */
const LEAST = 6;

/** A number of one run. null is +∞. */
interface HistoryValue {
  readonly run: string;
  readonly startedAt: string;
  /** Of the scenario and the pipeline, where git knows them, and of doorbuster. */
  readonly commit: string | null;
  readonly value: number | null;
}

interface HistoryChange {
  /** The first run after the change. */
  readonly run: string;
  readonly startedAt: string;
  readonly commit: string | null;
  /** Index of its value. */
  readonly at: number;
  /** Medians before and after it, up to the next change; null is +∞. */
  readonly before: number | null;
  readonly after: number | null;
  readonly p: number;
  readonly direction: 'better' | 'worse' | 'alike';
}

interface HistoryMetric extends Pick<Measure, 'id' | 'title' | 'unit' | 'better'> {
  readonly values: readonly HistoryValue[];
  readonly changes: readonly HistoryChange[];
}

/** The runs of one scenario with the same traffic, on one pipeline, in one lane; oldest first. */
interface HistorySeries {
  readonly scenario: string;
  readonly pipeline: string;
  readonly lane: string;
  readonly runs: number;
  readonly metrics: readonly HistoryMetric[];
}

/** The records of a folder as series, with the changes in them. */
export interface History {
  readonly version: 1;
  readonly series: readonly HistorySeries[];
  /** Runs in no series, one sentence each. */
  readonly left: readonly string[];
}

/** Series and changes of the records, those of INVALID and incomplete runs left out. */
export function historyOf(records: readonly RunRecord[], ids: readonly string[] | null): History {
  const counted = records.filter((record) => isCounted({ number: 1, seed: record.seed, record }));
  const inTime = counted.toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
  const groups: RunRecord[][] = [];
  for (const record of inTime) {
    const group = groups.find(([first]) => first !== undefined && belongTogether(first, record));
    if (group) group.push(record);
    else groups.push([record]);
  }
  return {
    version: 1,
    series: groups.map((group) => seriesOf(group, ids)),
    left: records
      .filter((record) => !counted.includes(record))
      .map(({ id, outcome, verdict }) => `${id} is ${verdict ?? outcome}`),
  };
}

function belongTogether(a: RunRecord, b: RunRecord): boolean {
  return (
    a.scenario.name === b.scenario.name &&
    a.pipeline.name === b.pipeline.name &&
    a.environment.lane === b.environment.lane &&
    a.scenario.recording?.sha256 === b.scenario.recording?.sha256 &&
    // The text alone decides for most: to parse every record takes long.
    ((a.scenario.text === b.scenario.text &&
      JSON.stringify(a.scenario.overrides) === JSON.stringify(b.scenario.overrides)) ||
      otherTraffic('', scenarioOf(a), scenarioOf(b)).length === 0)
  );
}

function seriesOf(records: readonly RunRecord[], ids: readonly string[] | null): HistorySeries {
  const [first] = records as [RunRecord];
  const metrics = measuresOf(records)
    .filter(({ id }) => ids === null || ids.includes(id))
    .flatMap(({ of, ...measure }): readonly HistoryMetric[] => {
      const values = records.flatMap((record): readonly HistoryValue[] => {
        const value = of(record);
        const { id: run, startedAt } = record;
        return value === undefined ? [] : [{ run, startedAt, commit: commitOf(record), value }];
      });
      if (values.length === 0) return [];
      const { id, title, unit, better } = measure;
      return [{ id, title, unit, better, values, changes: changesOf(values, better) }];
    });
  return {
    ...{ scenario: first.scenario.name, pipeline: first.pipeline.name },
    ...{ lane: first.environment.lane, runs: records.length, metrics },
  };
}

/** The commit that is most likely the cause of a change: of the pipeline, of the scenario, of doorbuster. */
function commitOf({ pipeline, scenario, environment }: RunRecord): string | null {
  return pipeline.commit ?? scenario.commit ?? environment.commit;
}

function changesOf(
  values: readonly HistoryValue[],
  better: Measure['better'],
): readonly HistoryChange[] {
  if (values.length < LEAST) return [];
  const numbers = values.map(({ value }) => value ?? Number.POSITIVE_INFINITY);
  // Of a number that is never 0 the ratio counts, not the difference.
  const scaled = numbers.every((one) => one > 0) ? numbers.map(Math.log) : numbers;
  const found = changePoints(scaled);
  return found.map(({ at, p }, i) => {
    const { run, startedAt, commit } = values[at] as HistoryValue;
    const before = medianOf(numbers.slice(found[i - 1]?.at ?? 0, at));
    const after = medianOf(numbers.slice(at, found[i + 1]?.at ?? numbers.length));
    const grew = after - before;
    const direction =
      before === after ? 'alike' : grew > 0 === (better === 'lower') ? 'worse' : 'better';
    const finite = (value: number) => (Number.isFinite(value) ? value : null);
    return {
      ...{ run, startedAt, commit, at, p, direction },
      ...{ before: finite(before), after: finite(after) },
    };
  });
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => (a === b ? 0 : a - b));
  const [low, high] = [
    sorted[Math.floor((sorted.length - 1) / 2)] as number,
    sorted[Math.ceil((sorted.length - 1) / 2)] as number,
  ];
  return low === high ? low : (low + high) / 2;
}
