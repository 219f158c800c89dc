import type { CompletedRecord } from '../../src/record/record.ts';

type Stats = Readonly<Record<string, number | null | undefined>>;

/** A record with its measured numbers multiplied: metrics, checks, queries, staleness over time and CPU. */
export function scaledRecord(record: CompletedRecord, factor: number): CompletedRecord {
  const times = (value: number | null | undefined) => (value == null ? null : value * factor);
  const scaled = (stats: Stats) =>
    Object.fromEntries(Object.entries(stats).map(([stat, value]) => [stat, times(value)]));
  return {
    ...record,
    metrics: record.metrics.map((metric) =>
      metric.shape === 'scalar'
        ? { ...metric, value: times(metric.value) }
        : { ...metric, stats: scaled(metric.stats) },
    ),
    checks: record.checks.map((check) => ({
      ...check,
      verdict: 'PASS' as const,
      ...(check.measured === undefined ? {} : { measured: times(check.measured) }),
    })),
    queries: {
      ...record.queries,
      results: record.queries.results.map((one) => ({ ...one, stats: scaled(one.stats) })),
    },
    staleness: record.staleness.map((one) => ({ ...one, p99: one.p99.map(times) })),
    cost: {
      ...record.cost,
      servers: record.cost.servers.map((one) =>
        one.coreSeconds === undefined ? one : { ...one, coreSeconds: one.coreSeconds * factor },
      ),
    },
  };
}
