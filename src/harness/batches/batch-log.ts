import type { Bucket } from '../clients/s3.ts';

/** A Parquet file of a table. */
export interface BatchFile {
  readonly path: string;
  /** The folder that a batch rewrites as a whole, such as `day=2026-11-27/bucket=3`. */
  readonly partition: string;
  readonly rows: number;
  readonly bytes: number;
  /** Number of the batch that wrote it. */
  readonly batch: number;
}

/** A table after a batch: its columns with their types in DuckDB, and the files that readers read. */
export interface BatchTable {
  readonly columns: Readonly<Record<string, string>>;
  readonly files: readonly BatchFile[];
}

/** The next offset of every partition, by topic and partition. */
export type Positions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Whether `a` is as `b` in every partition that it has. */
export function samePositions(a: Positions, b: Positions): boolean {
  return Object.entries(a).every(([topic, parts]) =>
    Object.entries(parts).every(([part, next]) => b[topic]?.[part] === next),
  );
}

/** What one batch made visible: all tables, and how far the topics are in them. Number 0 has no rows. */
export interface Batch {
  readonly number: number;
  /** When it was published, epoch ms. */
  readonly publishedMs: number;
  readonly positions: Positions;
  /** Number of store buckets into which each table is partitioned; the same in all batches of a namespace. */
  readonly buckets: number;
  readonly tables: Readonly<Record<string, BatchTable>>;
  /** The last staged load of each loader that is in the tables; only where a merge makes the batches. */
  readonly merged?: Readonly<Record<string, number>>;
}

/** Column with the number of the batch that wrote a row first; rewriting a partition keeps it. */
export const BATCH_COLUMN = 'batch_number';

/** Folder of everything that a namespace has in the bucket. */
export function batchesFolder(namespace: string): string {
  return `parquet/${namespace}/`;
}

/** Folder of the files of a table. */
export function tableFolder(namespace: string, table: string): string {
  return `${batchesFolder(namespace)}${table}/`;
}

/**
 * The published batches of a namespace: one object each, numbered without gaps. An object is created as a whole or not
 * at all, and of two writers that create the same number one fails: so a batch is visible in all tables at once, and
 * exactly one batch follows another. Objects of batches are never changed.
 */
export class BatchLog {
  readonly #bucket: Bucket;
  readonly #folder: string;

  constructor(bucket: Bucket, namespace: string) {
    this.#bucket = bucket;
    this.#folder = `${batchesFolder(namespace)}_batches/`;
  }

  /** null: that batch has not been published. */
  async find(number: number, signal?: AbortSignal): Promise<Batch | null> {
    const body = await this.#bucket.find(this.#keyOf(number), signal);
    return body === null ? null : (JSON.parse(Buffer.from(body).toString('utf8')) as Batch);
  }

  /** The newest batch, where `known` is at hand; null: there is none. */
  async newest(known: Batch | null, signal?: AbortSignal): Promise<Batch | null> {
    let newest = known ?? (await this.#listed(signal));
    for (;;) {
      const next = newest === null ? null : await this.find(newest.number + 1, signal);
      if (next === null) return newest;
      newest = next;
    }
  }

  /** Publishes a batch; false: another writer has published one with this number. */
  publish(batch: Batch): Promise<boolean> {
    return this.#bucket.putNew(this.#keyOf(batch.number), JSON.stringify(batch));
  }

  async #listed(signal: AbortSignal | undefined): Promise<Batch | null> {
    let last: string | null = null;
    for await (const { key } of this.#bucket.list(this.#folder)) last = key;
    return last === null ? null : this.find(Number(/(\d+)\.json$/.exec(last)?.[1]), signal);
  }

  #keyOf(number: number): string {
    return `${this.#folder}${String(number).padStart(10, '0')}.json`;
  }
}
