import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { type Connection, type Database, openDatabase } from '../clients/duckdb.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { KafkaReader } from '../clients/kafka-reader.ts';
import { type Bucket, openBucket } from '../clients/s3.ts';
import { type Batch, BatchLog, type BatchTable } from './batch-log.ts';
import { fold } from './fold.ts';
import { Spool } from './spool.ts';

/** What a loader is given. */
export interface LoaderConfig {
  readonly brokers: readonly string[];
  /** Beginning of the names of its consumer groups. */
  readonly groupPrefix: string;
  readonly s3: Endpoints['s3'];
  /** DuckDB's extension, by path. */
  readonly httpfs: string;
  readonly namespace: string;
  readonly topics: readonly { readonly topic: string; readonly stream: Stream }[];
  readonly datasets: readonly Dataset[];
  readonly everyMs: number;
  readonly keepBatches: number;
  /** Folder for what is in no batch yet; it is emptied first. */
  readonly dir: string;
}

const LIMITS = { threads: 1, memoryMb: 1024 };

/**
 * Loads the topics into the tables, batch by batch. How far the topics are loaded is part of every batch: a loader that
 * starts reads the newest one and continues there, whatever became of the loader before it.
 */
export class Loader implements AsyncDisposable {
  readonly #config: LoaderConfig;
  readonly #clock: Clock;
  readonly #bucket: Bucket;
  readonly #log: BatchLog;
  readonly #spool: Spool;
  readonly #database: Database;
  readonly #connection: Connection;
  readonly #reader: KafkaReader;
  /** Distinguishes its files from those of a loader that was killed. */
  readonly #attempt = randomUUID().slice(0, 8);
  /** Files that a batch has replaced, oldest first. */
  readonly #replaced: { readonly batch: number; readonly paths: readonly string[] }[] = [];
  #base: Batch;

  /** Rejects if Kafka or the object store does not answer. `fail` is called when it can no longer read. */
  static async open(
    config: LoaderConfig,
    clock: Clock,
    fail: (error: Error) => void,
  ): Promise<Loader> {
    const bucket = openBucket(config.s3);
    const base = await new BatchLog(bucket, config.namespace).newest(null);
    if (base === null) throw new Error(`${config.namespace} has no batch 0`);
    const spool = await Spool.open(config.dir);
    const database = await openDatabase(':memory:', {
      ...{ ...LIMITS, spillDir: join(config.dir, 'spill') },
      extensions: [config.httpfs],
    });
    const connection = await database.connect();
    await createS3Secret(connection, config.s3);
    const streams = new Map(config.topics.map(({ topic, stream }) => [topic, stream]));
    const reader = await KafkaReader.open({
      brokers: config.brokers,
      groupId: `${config.groupPrefix}loader-${randomUUID()}`,
      topics: [...streams.keys()],
      from: base.positions,
      async take({ topic, part, records }) {
        const read = records.map(({ offset, value, timestampMs }) => ({
          ...{ part, offset, value, kafkaMs: timestampMs },
        }));
        await spool.add(streams.get(topic) as Stream, read, clock.nowMs());
      },
      fail,
    });
    return new Loader({ config, clock, bucket, base, spool, database, connection, reader });
  }

  private constructor(parts: {
    readonly config: LoaderConfig;
    readonly clock: Clock;
    readonly bucket: Bucket;
    readonly base: Batch;
    readonly spool: Spool;
    readonly database: Database;
    readonly connection: Connection;
    readonly reader: KafkaReader;
  }) {
    this.#config = parts.config;
    this.#clock = parts.clock;
    this.#bucket = parts.bucket;
    this.#log = new BatchLog(parts.bucket, parts.config.namespace);
    this.#base = parts.base;
    this.#spool = parts.spool;
    this.#database = parts.database;
    this.#connection = parts.connection;
    this.#reader = parts.reader;
  }

  /** Loads everything since the last batch; null: there is nothing. */
  async load(): Promise<Batch | null> {
    const { positions: from } = this.#base;
    await this.#reader.readToEnd();
    const { positions } = this.#reader;
    if (isSame(positions, from)) return null;
    for (;;) {
      // A batch of another writer, such as the opening stock, may have come in between.
      const base = (await this.#log.newest(this.#base)) as Batch;
      if (!isSame(base.positions, from)) {
        throw new Error(`another loader has published batch ${base.number}`);
      }
      const number = base.number + 1;
      const tables = await this.#folded(base, number);
      const publishedMs = this.#clock.nowMs();
      const batch: Batch = { ...base, number, publishedMs, positions, tables };
      if (!(await this.#log.publish(batch))) continue;
      this.#base = batch;
      await this.#spool.clear();
      await this.#removeReplaced(base, batch);
      return batch;
    }
  }

  async close(): Promise<void> {
    await this.#reader.close();
    this.#connection.close();
    this.#database.close();
    this.#bucket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #folded(base: Batch, number: number): Promise<Batch['tables']> {
    const { s3, namespace, datasets } = this.#config;
    const tables: Record<string, BatchTable> = { ...base.tables };
    for (const dataset of datasets) {
      if (!this.#spool.has(dataset.carries)) continue;
      const table = base.tables[dataset.name] as BatchTable;
      tables[dataset.name] = await fold(
        this.#connection,
        { dataset, table, from: this.#spool.rowsOf(dataset) },
        {
          ...{ namespace, number, root: `s3://${s3.bucket}/` },
          ...{ buckets: base.buckets, attempt: this.#attempt },
        },
      );
    }
    return tables;
  }

  /** Removes the files that no reader of the last batches reads. */
  async #removeReplaced(before: Batch, batch: Batch): Promise<void> {
    const pathsOf = ({ tables }: Batch) =>
      Object.values(tables).flatMap(({ files }) => files.map(({ path }) => path));
    const now = new Set(pathsOf(batch));
    const paths = pathsOf(before).filter((path) => !now.has(path));
    this.#replaced.push({ batch: batch.number, paths });
    while ((this.#replaced[0]?.batch ?? Infinity) <= batch.number - this.#config.keepBatches) {
      for (const path of this.#replaced.shift()?.paths ?? []) await this.#bucket.remove(path);
    }
  }
}

function isSame(a: Batch['positions'], b: Batch['positions']): boolean {
  return Object.entries(a).every(([topic, parts]) =>
    Object.entries(parts).every(([part, next]) => b[topic]?.[part] === next),
  );
}
