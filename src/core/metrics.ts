/**
 * The vocabulary of results: every metric a record may hold and a check may name, with its unit and
 * direction. docs/measuring.md has the definition of each. One literal map, exhaustive by type.
 */
export type Unit =
  | 'ms'
  | 'count'
  | 'units'
  | 'ratio'
  | 'bytes'
  | 'rounds'
  | 'core-s'
  | 'percent'
  | 'per 10,000'
  | 'USD'
  | 'events/s'
  | 's·s'
  | 'row·s';

/** The statistics of a distribution that a check may name. */
export const STATS = ['p50', 'p95', 'p99', 'p999', 'max', 'mean', 'min'] as const;
export type Stat = (typeof STATS)[number];

/** With fewer samples a check is not decided; also the default number of samples of a query in a round. */
export const MIN_SAMPLES = 10;

/** The hops of the staleness waterfall, in order; `transport` is simulated. What `hop(…)` may name. */
export const HOPS = [
  'transport',
  'slip',
  'produce',
  'broker_to_flink',
  'flink_to_snapshot',
  'snapshot_to_visible',
] as const;

/** The named queries every pipeline answers. What `query(…)` may name. */
export const QUERIES = [
  'store-lookup',
  'store-page',
  'sku-velocity',
  'revenue',
  'low-stock',
  'full-aggregate',
] as const;

/** The servers of the stack. */
export const SERVERS = [
  'kafka',
  'minio',
  'catalog',
  'flink-jobmanager',
  'flink-taskmanager',
  'flink-gateway',
  'redis',
  'connect',
  'postgres',
] as const;

/** Who uses the machine: the servers, a pipeline's own loaders, and the harness. What `cost(…)` may name. */
export const CONSUMERS = [...SERVERS, 'loader', 'harness'] as const;

/** A pickup promise is made line by line, and kept as an order. What `promises_…(…)` may name. */
export const LEVELS = ['line', 'order'] as const;
export type Level = (typeof LEVELS)[number];

/** What a metric is, independent of how it is measured. */
export interface MetricKind {
  readonly unit: Unit;
  readonly better: 'lower' | 'higher';
  /**
   * What the argument in parentheses names; null: takes none. `dataset`: one that carries a stream, by its own name or
   * by the stream's; `table`: any dataset, by its own name.
   */
  readonly of:
    | 'stream'
    | 'dataset'
    | 'query'
    | 'table'
    | 'fault'
    | 'server'
    | 'hop'
    | 'level'
    | 'faulty server'
    | null;
  /** distribution: has p50..max; scalar: one value, no stat. */
  readonly shape: 'distribution' | 'scalar';
  /** Whether it has one value per phase. */
  readonly phased: boolean;
  /**
   * Whether the samples are a part of a larger population (other times, other orders). A check on such a metric is
   * judged by an interval. Of any other metric the whole population is known, and the number is exact.
   */
  readonly sampled?: boolean;
  readonly about: string;
}

/** Every metric, by name. */
export const METRICS = {
  staleness: {
    unit: 'ms',
    better: 'lower',
    of: 'dataset',
    shape: 'distribution',
    phased: true,
    about: 'first moment a reader could return the change, minus when it happened',
  },
  never_visible: {
    unit: 'count',
    better: 'lower',
    of: 'dataset',
    shape: 'scalar',
    phased: true,
    about: 'events of the phase not visible when the run ended',
  },
  backlog: {
    unit: 'count',
    better: 'lower',
    of: 'dataset',
    shape: 'scalar',
    phased: true,
    about: 'changes that were due by the end of the phase and not visible then',
  },
  backlog_growth: {
    unit: 'events/s',
    better: 'lower',
    of: 'dataset',
    shape: 'scalar',
    phased: true,
    sampled: true,
    about: 'trend of the backlog right after each commit: above 0, the pipeline does not keep up',
  },
  hop: {
    unit: 'ms',
    better: 'lower',
    of: 'hop',
    shape: 'distribution',
    phased: true,
    about: 'one hop of the staleness waterfall',
  },
  age: {
    unit: 'ms',
    better: 'lower',
    of: 'dataset',
    shape: 'distribution',
    phased: true,
    about: 'time-weighted age of the oldest change not yet visible',
  },
  store_age: {
    unit: 'ms',
    better: 'lower',
    of: 'dataset',
    shape: 'distribution',
    phased: true,
    about: 'over the stores: the p99 of each store’s own time-weighted age',
  },
  recovery: {
    unit: 'ms',
    better: 'lower',
    of: 'faulty server',
    shape: 'scalar',
    phased: false,
    about: 'from when the server was back until age is below the target and stays there',
  },
  area_above_target: {
    unit: 's·s',
    better: 'lower',
    of: 'faulty server',
    shape: 'scalar',
    phased: false,
    about: 'integral of (age − target) while age is above the target, from the fault to recovery',
  },
  floor: {
    unit: 'ms',
    better: 'lower',
    of: 'dataset',
    shape: 'scalar',
    phased: false,
    about: 'commit interval / 2 + commit time: what the design could reach',
  },
  query: {
    unit: 'ms',
    better: 'lower',
    of: 'query',
    shape: 'distribution',
    phased: true,
    sampled: true,
    about: 'query latency from the intended start',
  },
  answer_age: {
    unit: 'ms',
    better: 'lower',
    of: 'query',
    shape: 'distribution',
    phased: true,
    sampled: true,
    about: 'age of the tables at the start of a query, plus the time it took to answer',
  },
  query_failed: {
    unit: 'count',
    better: 'lower',
    of: 'query',
    shape: 'scalar',
    phased: true,
    about: 'queries that failed, timed out or were skipped',
  },
  files: {
    unit: 'count',
    better: 'lower',
    of: 'table',
    shape: 'scalar',
    phased: true,
    about: 'live data and delete files at the end of the phase',
  },
  lost: {
    unit: 'count',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    about: 'rows CONTRACT demands and no table has',
  },
  duplicated: {
    unit: 'count',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    about: 'rows a table has more often than CONTRACT allows',
  },
  wrong: {
    unit: 'units',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    about: 'sum of absolute on-hand errors against CONTRACT',
  },
  regressions: {
    unit: 'count',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    about: 'times a row went back to an older version after a newer one had been visible',
  },
  regression_time: {
    unit: 'row·s',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    about: 'how long older versions were visible after newer ones, summed over the rows',
  },
  distance: {
    unit: 'count',
    better: 'lower',
    of: 'fault',
    shape: 'scalar',
    phased: false,
    about:
      'rows missed and real events dropped, against BOOK, because of a kind of fault or a label',
  },
  promises_broken: {
    unit: 'per 10,000',
    better: 'lower',
    of: 'level',
    shape: 'scalar',
    phased: true,
    sampled: true,
    about: 'pickup promises that could not be kept, of those made on what the table showed',
  },
  promises_stale: {
    unit: 'per 10,000',
    better: 'lower',
    of: 'level',
    shape: 'scalar',
    phased: true,
    sampled: true,
    about: 'those among them that a view without delay would not have made',
  },
  payback: {
    unit: 'rounds',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    sampled: true,
    about: 'query rounds until compaction has paid for itself',
  },
  write_amplification: {
    unit: 'ratio',
    better: 'lower',
    of: null,
    shape: 'scalar',
    phased: false,
    about: 'bytes written to the bucket per byte of accepted unique Kafka values',
  },
  achieved: {
    unit: 'ratio',
    better: 'higher',
    of: 'stream',
    shape: 'scalar',
    phased: true,
    about: 'events acknowledged per event scheduled',
  },
  slip: {
    unit: 'ms',
    better: 'lower',
    of: null,
    shape: 'distribution',
    phased: true,
    about: 'hand-over to the client minus intended send',
  },
  cost: {
    unit: 'core-s',
    better: 'lower',
    of: 'server',
    shape: 'scalar',
    phased: false,
    about: 'core-seconds used',
  },
} as const satisfies Record<string, MetricKind>;

export type MetricName = keyof typeof METRICS;
