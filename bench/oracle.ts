import { join } from 'node:path';
import { quoted } from '../src/core/sql.ts';
import { ENGINES } from '../src/harness/engines/engines.ts';
import { duckdbDeletesMs } from '../src/harness/truth/read-tables.ts';
import type { Bench, BenchRow } from './bench.ts';
import { asked } from './engines.ts';
import { withReplay } from './replay.ts';
import { extentOf, fillByLoad, stockUnderLoad } from './tables.ts';

/** As many commits. */
const LOAD_S = 100;
const LIMITS = { timeoutMs: 900_000 };
const TABLE = 'inventory';
/** What the oracles need of a row of stock. */
const COLUMNS = ['store_id', 'sku_id', 'version', 'on_hand', 'event_ts', 'deleted'];

/** A national chain's stock, at a load whose deletes DuckDB can still read within a minute. */
const scenario = stockUnderLoad({
  name: 'oracle',
  retail: 'stores: 5000, skus: 2000, assortment: 200',
  receipts: '2/store/h',
  commitEvery: '1s',
});

/** How the oracles get a table of a million rows with the deletes of a hundred commits: by each of their engines. */
export const oracle: Bench = {
  name: 'oracle',
  about: `${scenario.retail.stores * scenario.retail.assortment} rows with ${LOAD_S} commits of deletes, read for the oracles by DuckDB and by Spark`,
  run: (context) =>
    withReplay(context, { name: 'oracle', scenario }, async (replay) => {
      const { artifacts, clock, dir, say, signal } = context;
      say(`opening stock and ${LOAD_S} s of load`);
      await fillByLoad(context, replay, { scenario, loadS: LOAD_S });
      const extent = await extentOf(replay, TABLE);
      const { stack, probes } = replay;
      const { namespace } = probes.place;
      const of = { stack, namespace, extensions: artifacts.duckdbExtensions, logDir: dir };
      await using reader = await ENGINES.duckdb.open(of, { clock });
      const rows: BenchRow[] = [];
      const timed = async (what: string, file: string, work: () => Promise<unknown>) => {
        say(what);
        const beforeMs = clock.monotonicMs();
        await work();
        const seconds = (clock.monotonicMs() - beforeMs) / 1_000;
        const [sums] = await asked(reader, sumsOf(file), LIMITS);
        rows.push({ what, values: { seconds, rows: Number(sums?.n) } });
        return { seconds, sums: JSON.stringify(sums) };
      };
      const bySpark = join(dir, 'by-spark.parquet');
      const byDuckDb = join(dir, 'by-duckdb.parquet');
      await using spark = ENGINES.duckdb.second?.({ stack, clock, namespace, logDir: dir, signal });
      const exported = () => spark?.toParquet({ table: TABLE, columns: COLUMNS }, bySpark);
      const first = await timed('Spark, its start included', bySpark, async () => exported());
      const second = await timed('Spark, as it runs', bySpark, async () => exported());
      const duckdb = await timed('DuckDB', byDuckDb, () =>
        asked(
          reader,
          `COPY (SELECT ${COLUMNS.join(', ')} FROM ice.${namespace}.${TABLE}) TO ${quoted(byDuckDb)} (FORMAT parquet)`,
          LIMITS,
        ),
      );
      if (new Set([first, second, duckdb].map(({ sums }) => sums)).size > 1) {
        throw new Error(`the copies differ: ${first.sums}, ${second.sums}, ${duckdb.sums}`);
      }
      return {
        title: `${extent.rows} rows in ${extent.dataFiles} data files, ${extent.deletedKeys} deleted keys in ${extent.deleteFiles} delete files, ${extent.snapshots} snapshots; nothing commits`,
        rows,
        ratios: [
          { name: 'DuckDB / Spark as it runs, seconds', ratio: duckdb.seconds / second.seconds },
          {
            name: 'DuckDB / what the estimate before a run says',
            ratio: (duckdb.seconds * 1_000) / duckdbDeletesMs(extent),
          },
        ],
        notes: ['each writes the table to a Parquet file; count and sums of the three are equal'],
      };
    }),
};

const sumsOf = (file: string) =>
  `SELECT count(*)::BIGINT AS n, sum(version)::VARCHAR AS versions, sum(on_hand)::VARCHAR AS units,
     count(DISTINCT (store_id, sku_id))::BIGINT AS keys FROM read_parquet(${quoted(file)})`;
