import type { Bucket } from '../clients/s3.ts';
import type { Batch } from './batch-log.ts';

/** Removes files that batches have replaced, once no reader of the last batches reads them. */
export class ReplacedFiles {
  readonly #bucket: Bucket;
  readonly #keepBatches: number;
  /** Oldest first. */
  readonly #replaced: { readonly batch: number; readonly paths: readonly string[] }[] = [];

  constructor(bucket: Bucket, keepBatches: number) {
    this.#bucket = bucket;
    this.#keepBatches = keepBatches;
  }

  /** Takes note of a batch that was published. */
  async after(before: Batch, batch: Batch): Promise<void> {
    const now = new Set(pathsOf(batch));
    const paths = pathsOf(before).filter((path) => !now.has(path));
    this.#replaced.push({ batch: batch.number, paths });
    const until = batch.number - this.#keepBatches;
    while ((this.#replaced[0]?.batch ?? Number.POSITIVE_INFINITY) <= until) {
      for (const path of this.#replaced.shift()?.paths ?? []) await this.#bucket.remove(path);
    }
  }
}

function pathsOf({ tables }: Batch): readonly string[] {
  return Object.values(tables).flatMap(({ files }) => files.map(({ path }) => path));
}
