import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { quoted } from '../../core/sql.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { type Bucket, openBucket } from '../clients/s3.ts';
import { type Batch, BatchLog, type BatchTable, type Positions } from './batch-log.ts';
import { fold } from './fold.ts';
import { type OpenBatches, openBatches } from './open-batches.ts';
import { ReplacedFiles } from './replaced-files.ts';
import { type StagedLoad, StagingLog } from './staging-log.ts';

/** What a warehouse is given. `threads` and `memoryMb` are its share of the machine, for queries and merges together. */
export interface WarehouseConfig extends Omit<Parameters<typeof openBatches>[0], 'extensions'> {
  readonly httpfs: string;
  readonly datasets: readonly Dataset[];
  /** The loaders whose loads it merges. */
  readonly loaders: number;
  readonly keepBatches: number;
}

/** A staged load, and the loader that staged it. */
interface NextLoad {
  readonly loader: string;
  readonly load: StagedLoad;
}

/**
 * One engine that answers queries and merges what is staged, on one connection: a query that waits goes first, between the
 * merges of two tables. Every staged load is merged by itself, in its order, into whole partitions of the tables.
 */
export class Warehouse {
  readonly #config: WarehouseConfig;
  readonly #clock: Clock;
  readonly #open: OpenBatches;
  readonly #log: BatchLog;
  readonly #staged: readonly StagingLog[];
  readonly #replaced: ReplacedFiles;
  readonly #attempt = randomUUID().slice(0, 8);
  #base: Batch;
  /** The loader whose turn it is. */
  #turn = 0;

  static async open(config: WarehouseConfig, clock: Clock): Promise<Warehouse> {
    const { httpfs, namespace, s3 } = config;
    const open = await openBatches({ ...config, extensions: { httpfs } });
    const bucket = openBucket(s3);
    const log = new BatchLog(bucket, namespace);
    const base = await log.newest(null);
    if (base === null) throw new Error(`${namespace} has no batch 0`);
    return new Warehouse(config, clock, { open, bucket, log, base });
  }

  private constructor(
    config: WarehouseConfig,
    clock: Clock,
    parts: {
      readonly open: OpenBatches;
      readonly bucket: Bucket;
      readonly log: BatchLog;
      readonly base: Batch;
    },
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#open = parts.open;
    this.#log = parts.log;
    this.#base = parts.base;
    this.#replaced = new ReplacedFiles(parts.bucket, config.keepBatches);
    this.#staged = Array.from(
      { length: config.loaders },
      (_, i) => new StagingLog(parts.bucket, config.namespace, String(i)),
    );
  }

  get connection(): OpenBatches['connection'] {
    return this.#open.connection;
  }

  /** Shows the newest batch to the next query. */
  refresh(): Promise<void> {
    return this.#open.refresh();
  }

  /** The staged load that is merged next; null: everything is merged. */
  async next(): Promise<NextLoad | null> {
    this.#base = (await this.#log.newest(this.#base)) as Batch;
    for (let i = 0; i < this.#staged.length; i++) {
      const at = (this.#turn + i) % this.#staged.length;
      const loader = String(at);
      const load = await this.#staged[at]?.find((this.#base.merged?.[loader] ?? 0) + 1);
      if (!load) continue;
      this.#turn = at + 1;
      return { loader, load };
    }
    return null;
  }

  /** Merges a staged load, and publishes the tables with it. `between` is called before each table. */
  async merge({ loader, load }: NextLoad, between: () => Promise<void>): Promise<number> {
    const { namespace, s3, datasets } = this.#config;
    for (;;) {
      const base = this.#base;
      const number = base.number + 1;
      const tables: Record<string, BatchTable> = { ...base.tables };
      for (const dataset of datasets) {
        const file = load.files[dataset.name];
        if (file === undefined) continue;
        await between();
        tables[dataset.name] = await fold(
          this.connection,
          {
            ...{ dataset, table: base.tables[dataset.name] as BatchTable },
            from: `read_parquet(${quoted(file)}, hive_partitioning = false)`,
          },
          {
            ...{ root: `s3://${s3.bucket}/`, namespace, number },
            ...{ attempt: this.#attempt, buckets: base.buckets },
          },
        );
      }
      const batch: Batch = {
        ...{ ...base, number, tables, publishedMs: this.#clock.nowMs() },
        positions: joined(base.positions, load.positions),
        merged: { ...base.merged, [loader]: load.number },
      };
      if (await this.#log.publish(batch)) {
        this.#base = batch;
        await this.#replaced.after(base, batch);
        return number;
      }
      // The opening stock came in between.
      this.#base = (await this.#log.newest(base)) as Batch;
    }
  }
}

function joined(a: Positions, b: Positions): Positions {
  const topics = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...topics].map((topic) => [topic, { ...a[topic], ...b[topic] }]));
}
