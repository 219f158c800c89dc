import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { type Connection, type Database, openDatabase } from '../clients/duckdb.ts';
import { createS3Secret } from '../clients/duckdb-lakehouse.ts';
import type { Endpoints, KafkaAccess } from '../clients/endpoints.ts';
import { KafkaReader } from '../clients/kafka-reader.ts';
import { type Bucket, openBucket } from '../clients/s3.ts';
import { type Positions, samePositions } from './batch-log.ts';
import { openBatchSink } from './batch-sink.ts';
import { type IntoLake, openLakeSink } from './lake-sink.ts';
import { Spool } from './spool.ts';
import { openStagingSink } from './staging-sink.ts';

/** What a loader is given. */
export interface LoaderConfig {
  readonly kafka: KafkaAccess;
  /** Beginning of the names of its consumer groups. */
  readonly groupPrefix: string;
  readonly s3: Endpoints['s3'];
  /** DuckDB's extension, by path. */
  readonly httpfs: string;
  readonly namespace: string;
  readonly topics: readonly { readonly topic: string; readonly stream: Stream }[];
  readonly datasets: readonly Dataset[];
  readonly everyMs: number;
  /** Folder for what is in no load yet; it is emptied first. */
  readonly dir: string;
  /** Of so many loaders it is this one, from 0: each reads every n-th partition. */
  readonly share: { readonly index: number; readonly of: number };
  /**
   * `batch`: its loads are batches, which readers see. `stage`: they are staged, and a merge folds them into the tables.
   * `lake`: they are transactions of DuckLake.
   */
  readonly into:
    | { readonly kind: 'batch'; readonly keepBatches: number }
    | { readonly kind: 'stage' }
    | IntoLake;
}

/** Where loads go. */
export interface LoadSink {
  /** How far the topics are loaded. */
  readonly positions: Positions;
  /** Makes what was read one load, with the positions after it; returns its number. */
  put(spool: Spool, positions: Positions): Promise<number>;
}

/** What a sink writes with. */
export interface SinkTools {
  readonly config: LoaderConfig;
  readonly clock: Clock;
  readonly bucket: Bucket;
  readonly connection: Connection;
  /** Distinguishes its files from those of a loader that was killed. */
  readonly attempt: string;
}

const LIMITS = { threads: 1, memoryMb: 1024 };

function sinkFor(tools: SinkTools): Promise<LoadSink> {
  const { into } = tools.config;
  if (into.kind === 'batch') return openBatchSink(tools, into);
  return into.kind === 'lake' ? openLakeSink(tools, into) : openStagingSink(tools);
}

/**
 * Reads the topics, load by load. How far they are loaded is part of every load: a loader that starts continues after the
 * newest one, whatever became of the loader before it.
 */
export class Loader implements AsyncDisposable {
  readonly #bucket: Bucket;
  readonly #spool: Spool;
  readonly #database: Database;
  readonly #connection: Connection;
  readonly #reader: KafkaReader;
  readonly #sink: LoadSink;

  /** Rejects if Kafka or the object store does not answer. `fail` is called when it can no longer read. */
  static async open(
    config: LoaderConfig,
    clock: Clock,
    fail: (error: Error) => void,
  ): Promise<Loader> {
    const bucket = openBucket(config.s3);
    const spool = await Spool.open(config.dir);
    const database = await openDatabase(':memory:', {
      ...{ ...LIMITS, spillDir: join(config.dir, 'spill') },
      extensions: [config.httpfs],
    });
    const connection = await database.connect();
    await createS3Secret(connection, config.s3);
    const tools = { config, clock, bucket, connection, attempt: randomUUID().slice(0, 8) };
    const sink = await sinkFor(tools);
    const streams = new Map(config.topics.map(({ topic, stream }) => [topic, stream]));
    const { index, of } = config.share;
    const reader = await KafkaReader.open({
      kafka: config.kafka,
      groupId: `${config.groupPrefix}loader-${randomUUID()}`,
      topics: [...streams.keys()],
      reads: (part) => part % of === index,
      from: sink.positions,
      async take({ topic, part, records }) {
        const read = records.map(({ offset, value, timestampMs }) => ({
          ...{ part, offset, value, kafkaMs: timestampMs },
        }));
        await spool.add(streams.get(topic) as Stream, read, clock.nowMs());
      },
      fail,
    });
    return new Loader({ bucket, spool, database, connection, reader, sink });
  }

  private constructor(parts: {
    readonly bucket: Bucket;
    readonly spool: Spool;
    readonly database: Database;
    readonly connection: Connection;
    readonly reader: KafkaReader;
    readonly sink: LoadSink;
  }) {
    this.#bucket = parts.bucket;
    this.#spool = parts.spool;
    this.#database = parts.database;
    this.#connection = parts.connection;
    this.#reader = parts.reader;
    this.#sink = parts.sink;
  }

  /** Loads everything since the last load, and returns its number; null: there is nothing. */
  async load(): Promise<number | null> {
    await this.#reader.readToEnd();
    const { positions } = this.#reader;
    if (samePositions(positions, this.#sink.positions)) return null;
    const number = await this.#sink.put(this.#spool, positions);
    await this.#spool.clear();
    return number;
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
}
