import type { Reader } from '../src/harness/engines/engine.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { asked, median, openEngines, SameAnswer } from './engines.ts';
import { startServers } from './lakehouse.ts';

const NAMESPACE = 'partitions';
const ROWS = 400_000;
const STORES = 200;
const DAYS = 60;
const WARM_UP = 3;
const HOT = 10;
const LIMITS = { timeoutMs: 300_000 };

/** The same rows, by the partitions of their table: transforms of Iceberg. */
const SPECS = {
  none: '',
  date: 'PARTITIONED BY (day)',
  bucket_16: 'PARTITIONED BY (bucket(16, store_id))',
  bucket_64: 'PARTITIONED BY (bucket(64, store_id))',
  bucket_16_date: 'PARTITIONED BY (bucket(16, store_id), day)',
} as const;
type Spec = keyof typeof SPECS;

/** A row that a partition by store narrows down, and all rows, which no partition does. */
const QUERIES = {
  'one row': `SELECT on_hand FROM ice.${NAMESPACE}.TABLE WHERE store_id = 117 AND sku_id = 333`,
  'all rows': `SELECT count(*) AS n, sum(on_hand) AS units FROM ice.${NAMESPACE}.TABLE`,
} as const;
type Query = keyof typeof QUERIES;

/** What partitions cost a reader that has to plan with them. */
export const partitions: Bench = {
  name: 'partitions',
  about: `${ROWS} rows in tables with few and many partitions: one row and all rows, by every engine`,
  async run(context) {
    const { say } = context;
    await using stack = await startServers(context, ['minio', 'catalog']);
    await using engines = await openEngines(context, { stack, namespace: NAMESPACE });
    const writer = engines.readers.get('spark');
    if (writer === undefined) throw new Error(`Spark writes the tables: ${engines.absent}`);
    const files = await write(writer, say);
    const found: Latencies[] = [];
    for (const query of Object.keys(QUERIES) as Query[]) {
      say(query);
      const same = new SameAnswer();
      for (const [engine, reader] of engines.readers) {
        found.push(...(await timed(reader, { query, engine, same })));
      }
    }
    return {
      title: `${ROWS} rows of ${STORES} stores and ${DAYS} days, written once; hot, p50 of ${HOT}`,
      rows: rowsOf(found, files),
      ratios: ratiosOf(found),
      notes: [
        ...engines.absent,
        `tables in turns; ${WARM_UP} answers before are not counted; every engine has the same answer for every table`,
      ],
    };
  },
};

/** The number of data files of each table. */
async function write(writer: Reader, say: BenchContext['say']) {
  await asked(writer, `CREATE NAMESPACE IF NOT EXISTS ice.${NAMESPACE}`, LIMITS);
  const files: Partial<Record<Spec, number>> = {};
  for (const [spec, partitioned] of Object.entries(SPECS) as [Spec, string][]) {
    say(`writing ${spec}`);
    // Without a writer per partition open at a time, whose buffers would not fit.
    await asked(
      writer,
      `CREATE TABLE ice.${NAMESPACE}.${spec} USING iceberg ${partitioned}
         TBLPROPERTIES ('write.spark.fanout.enabled' = 'false') AS
       SELECT CAST(id % ${STORES} AS INT) + 1 AS store_id, CAST(id / ${STORES} AS INT) AS sku_id,
         CAST(id % 97 AS INT) AS on_hand, date_add(DATE '2026-10-01', CAST(id / 7 % ${DAYS} AS INT)) AS day
       FROM range(${ROWS})`,
      LIMITS,
    );
    const [row] = await asked(
      writer,
      `SELECT count(*) AS n FROM ice.${NAMESPACE}.${spec}.files`,
      LIMITS,
    );
    files[spec] = Number(row?.n);
  }
  return files;
}

interface Latencies {
  readonly query: Query;
  readonly engine: string;
  readonly spec: Spec;
  readonly hot: readonly number[];
}

async function timed(
  reader: Reader,
  of: { readonly query: Query; readonly engine: string; readonly same: SameAnswer },
): Promise<readonly Latencies[]> {
  const { query, engine, same } = of;
  const specs = Object.keys(SPECS) as Spec[];
  const hot = new Map(specs.map((spec) => [spec, [] as number[]]));
  for (let round = 0; round < WARM_UP + HOT; round++) {
    for (const spec of specs) {
      const sql = QUERIES[query].replace('TABLE', spec);
      const answer = await reader.query(sql, {}, LIMITS);
      same.check(`${query} of ${spec} by ${engine}`, answer);
      if (round >= WARM_UP) hot.get(spec)?.push(answer.endMs - answer.startMs);
    }
  }
  return specs.map((spec) => ({ query, engine, spec, hot: hot.get(spec) ?? [] }));
}

function rowsOf(
  found: readonly Latencies[],
  files: Partial<Record<Spec, number>>,
): readonly BenchRow[] {
  return (Object.keys(SPECS) as Spec[]).map((spec) => ({
    what: spec.replaceAll('_', ' '),
    values: {
      files: files[spec] ?? null,
      ...Object.fromEntries(
        found
          .filter((one) => one.spec === spec)
          .map(({ engine, query, hot }) => [`${engine}, ${query}, ms`, median(hot)]),
      ),
    },
  }));
}

function ratiosOf(found: readonly Latencies[]) {
  return found.flatMap(({ query, engine, spec, hot }) => {
    const none = found.find(
      (one) => one.query === query && one.engine === engine && one.spec === 'none',
    );
    if (none === undefined || spec === 'none') return [];
    const ratio = Number(median(hot)) / Number(median(none.hot));
    return [{ name: `${engine}, ${query}: ${spec.replaceAll('_', ' ')} / none`, ratio }];
  });
}
