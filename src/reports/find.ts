import type { MetricName } from '../core/metrics.ts';
import type { Distribution, RecordedPhase, RunRecord, Scalar } from '../record/record.ts';
import { stockOf } from '../record/stock.ts';

export { elapsedMs, watchedMs } from '../record/watched.ts';

/** Look-ups in a record, the same for every report. */

/** The distribution of this name; undefined if the run has none. */
export function distribution(
  record: RunRecord,
  name: MetricName,
  of: string | null,
  phase: string | null,
): Distribution | undefined {
  for (const metric of record.metrics) {
    if (metric.shape === 'distribution' && metric.name === name && metric.of === of) {
      if (metric.phase === phase) return metric;
    }
  }
  return undefined;
}

/** The scalar of this name; undefined if the run has none. */
export function scalar(
  record: RunRecord,
  name: MetricName,
  of: string | null,
  phase: string | null,
): Scalar | undefined {
  for (const metric of record.metrics) {
    if (metric.shape === 'scalar' && metric.name === name && metric.of === of) {
      if (metric.phase === phase) return metric;
    }
  }
  return undefined;
}

/** The streams this run carried, in the order of the scenario. */
export function streamsOf(record: RunRecord): readonly string[] {
  const names = record.metrics.filter(({ name }) => name === 'staleness').map(({ of }) => of ?? '');
  return [...new Set([...record.staleness.map(({ stream }) => stream), ...names])];
}

/** The phases that have metrics, in order. */
export function measuredPhases(record: RunRecord): readonly RecordedPhase[] {
  return record.phases.filter(({ measured }) => measured);
}

/** The phases that ran a query round, in order: usually `before` and `after`. */
export function queryPhases(record: RunRecord): readonly RecordedPhase[] {
  return record.phases.filter(({ kind }) => kind === 'query');
}

/** Query names in the order they first appear. */
export function queryNames(record: RunRecord): readonly string[] {
  return [...new Set(record.queries?.results.map(({ query }) => query))];
}

export function queryResult(record: RunRecord, query: string, phase: string, mode: string) {
  return record.queries?.results.find(
    (result) => result.query === query && result.phase === phase && result.mode === mode,
  );
}

/** The tables of the layout, in the order they first appear. */
export function tablesOf(record: RunRecord): readonly string[] {
  const { marks = [], commits = [] } = record.layout ?? {};
  return [...new Set([...marks, ...commits].map(({ table }) => table))];
}

/** The dataset that a headline is about: the one that shows the stock, else the first. */
export function mainStream(record: RunRecord): string | undefined {
  const streams = streamsOf(record);
  return streams.find((name) => name === stockOf(record)) ?? streams[0];
}

/** The measured load phase under the highest load: the one a run is about. */
export function peakPhase(record: RunRecord): RecordedPhase | undefined {
  const phases = measuredPhases(record).filter(({ kind }) => kind === 'load');
  return phases.reduce<RecordedPhase | undefined>(
    (peak, phase) => (peak === undefined || phase.load > peak.load ? phase : peak),
    undefined,
  );
}
