import type { Bucket } from '../clients/s3.ts';
import { batchesFolder, type Positions } from './batch-log.ts';

/** One load of one loader, in Parquet files that no reader sees until a merge folds them into the tables. */
export interface StagedLoad {
  /** From 1, without gaps. */
  readonly number: number;
  /** The next offset of every partition that the loader reads. */
  readonly positions: Positions;
  /** The file of each dataset of which the load has rows, by its name. */
  readonly files: Readonly<Record<string, string>>;
}

/** The staged loads of one loader: one object each, which is created as a whole and never changed. */
export class StagingLog {
  readonly folder: string;
  readonly #bucket: Bucket;

  constructor(bucket: Bucket, namespace: string, loader: string) {
    this.#bucket = bucket;
    this.folder = `${batchesFolder(namespace)}_staged/${loader}/`;
  }

  /** null: that load has not been staged. */
  async find(number: number): Promise<StagedLoad | null> {
    const body = await this.#bucket.find(this.#keyOf(number));
    return body === null ? null : (JSON.parse(Buffer.from(body).toString('utf8')) as StagedLoad);
  }

  /** null: there is none. */
  async newest(): Promise<StagedLoad | null> {
    let last: string | null = null;
    for await (const { key } of this.#bucket.list(this.folder)) {
      if (key.endsWith('.json')) last = key;
    }
    return last === null ? null : this.find(Number(/(\d+)\.json$/.exec(last)?.[1]));
  }

  /** Stages a load; false: another process has staged one with this number. */
  stage(load: StagedLoad): Promise<boolean> {
    return this.#bucket.putNew(this.#keyOf(load.number), JSON.stringify(load));
  }

  #keyOf(number: number): string {
    return `${this.folder}${String(number).padStart(10, '0')}.json`;
  }
}
