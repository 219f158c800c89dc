import type { Unit } from '../core/metrics.ts';
import type { RunRecord } from '../record/record.ts';
import {
  distribution,
  elapsedMs,
  mainStream,
  peakPhase,
  queryNames,
  queryPhases,
  queryResult,
  scalar,
} from './find.ts';

/** A number by which designs are compared. null is +∞, undefined no data. */
export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  readonly better: 'lower' | 'higher';
  readonly of: (record: RunRecord) => number | null | undefined;
}

const HOUR_MS = 3_600_000;

/**
 * What an architect decides by: freshness of the stock at the highest load, answers to queries, files, cost, truth and
 * kept promises. Queries are those of the last query phase, which is the one after a compaction if there is one.
 */
export function measuresOf(records: readonly RunRecord[]): readonly Measure[] {
  const queries = new Set(records.flatMap(queryNames));
  return [
    staleness('p50'),
    staleness('p99'),
    viewStaleness('p50'),
    viewStaleness('p99'),
    ...[...queries].map(
      (query): Measure => ({
        ...{ id: `query-${query}`, title: `${query}, hot p50`, unit: 'ms', better: 'lower' },
        of: (record) => {
          const last = queryPhases(record).at(-1);
          return last && queryResult(record, query, last.name, 'hot')?.stats.p50;
        },
      }),
    ),
    {
      ...{ id: 'slowest-query', title: 'slowest query, hot p50', unit: 'ms', better: 'lower' },
      of: slowestQueryMs,
    },
    ...REST,
  ];
}

function staleness(stat: 'p50' | 'p99'): Measure {
  return {
    ...{ id: `staleness-${stat}`, title: `staleness of the stock at the peak, ${stat}` },
    ...{ unit: 'ms', better: 'lower' },
    of: (record) => peakStaleness(record, mainStream(record), stat),
  };
}

/** Of the rows that a view in memory keeps; the stock above is that of the tables, which are the source of truth. */
function viewStaleness(stat: 'p50' | 'p99'): Measure {
  return {
    ...{
      id: `staleness-view-${stat}`,
      title: `staleness of the rows in memory at the peak, ${stat}`,
    },
    ...{ unit: 'ms', better: 'lower' },
    of: (record) => peakStaleness(record, viewOf(record), stat),
  };
}

/** The dataset of the first view; its name in the record begins with its namespace. */
const viewOf = ({ views }: RunRecord) => views?.[0]?.name.split('.').at(-1);

function peakStaleness(record: RunRecord, dataset: string | undefined, stat: 'p50' | 'p99') {
  const phase = peakPhase(record);
  if (dataset === undefined || phase === undefined) return undefined;
  return distribution(record, 'staleness', dataset, phase.name)?.stats[stat];
}

/** The slowest query of the last query phase, by its hot p50, ms. */
function slowestQueryMs(record: RunRecord): number | null | undefined {
  const last = queryPhases(record).at(-1);
  const found = last
    ? queryNames(record).flatMap((query) => {
        const p50 = queryResult(record, query, last.name, 'hot')?.stats.p50;
        return p50 === undefined ? [] : [p50];
      })
    : [];
  if (found.length === 0) return undefined;
  const slowest = Math.max(...found.map((ms) => ms ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(slowest) ? slowest : null;
}

/** CPU of servers, compaction and queries over the whole run, core-seconds; without the harness. */
function coreSecondsOf({ cost }: RunRecord): number | undefined {
  const known = (cost?.servers ?? []).filter(({ server }) => server !== 'harness');
  const used = known.flatMap(({ coreSeconds }) => (coreSeconds === undefined ? [] : [coreSeconds]));
  return used.length === 0 ? undefined : used.reduce((sum, one) => sum + one, 0);
}

const TRUTH = {
  lost: 'rows lost',
  duplicated: 'rows duplicated',
  wrong: 'stock wrong',
} as const;

const REST: readonly Measure[] = [
  {
    ...{ id: 'files-written', title: 'files written per hour', unit: 'count', better: 'lower' },
    of(record) {
      const elapsed = elapsedMs(record);
      const commits = record.layout?.commits.filter(({ tMs }) => tMs >= 0);
      if (commits === undefined || elapsed === 0) return undefined;
      return (commits.reduce((sum, { addedFiles }) => sum + addedFiles, 0) * HOUR_MS) / elapsed;
    },
  },
  {
    ...{
      id: 'cost',
      title: 'CPU of servers, compaction and queries',
      unit: 'core-s',
      better: 'lower',
    },
    of: coreSecondsOf,
  },
  {
    ...{ id: 'write-amplification', title: 'bytes written per byte sent', unit: 'ratio' },
    better: 'lower',
    of: (record) => record.cost?.writeAmplification?.overKafka,
  },
  {
    ...{ id: 's3', title: 'requests to S3', unit: 'count', better: 'lower' },
    of: (record) => record.cost?.s3?.requests,
  },
  {
    ...{ id: 'payback', title: 'compaction pays back after', unit: 'rounds', better: 'lower' },
    of: (record) => scalar(record, 'payback', null, null)?.value,
  },
  {
    ...{ id: 'broken', title: 'pickup orders broken at the peak', unit: 'per 10,000' },
    better: 'lower',
    of: (record) => peakOrders(record)?.broken?.per10k,
  },
  {
    ...{ id: 'broken-cost', title: 'what they cost per 10,000 orders, an estimate', unit: 'USD' },
    better: 'lower',
    of(record) {
      const broken = peakOrders(record)?.broken;
      return broken && record.promises && broken.per10k * record.promises.usdEach;
    },
  },
  {
    ...{ id: 'stale', title: 'of these, because the stock was late', unit: 'count' },
    better: 'lower',
    of: (record) => peakOrders(record)?.stale,
  },
  ...(['lost', 'duplicated', 'wrong'] as const).map(
    (id): Measure => ({
      ...{ id, title: TRUTH[id], unit: id === 'wrong' ? 'units' : 'count', better: 'lower' },
      of: ({ truth }) => truth?.[id],
    }),
  ),
];

function peakOrders(record: RunRecord) {
  const peak = peakPhase(record)?.name;
  const phase = record.promises?.phases.find((one) => one.phase === peak);
  return phase?.order.promised === 0 ? undefined : phase?.order;
}
