import type { Clock } from '../../../core/clock.ts';
import { decode } from '../../../generators/decode.ts';
import type { ViewRecord } from '../../../record/record.ts';
import type { Stream } from '../../../scenario/scenario.ts';
import {
  beginView,
  isOfEpoch,
  type ViewRow,
  versionsIn,
  writeView,
} from '../../clients/hot-view.ts';
import type { ConsumedBatch } from '../../clients/kafka-consumer.ts';
import { isAnswer, type Redis } from '../../clients/redis.ts';
import type { HotRows } from './hot-rows.ts';
import type { TableReader } from './view-reconciler.ts';

/** What a view has done so far. */
export type ViewCounts = Omit<ViewRecord, 'name'>;

interface WriterContext {
  readonly redis: Redis;
  /** Name of the view. */
  readonly name: string;
  readonly stream: Stream;
  readonly hot: HotRows;
  readonly clock: Clock;
  /** Offset after the last record of each partition, now. */
  readonly ends: () => Promise<readonly bigint[]>;
  /** Reads the topic once more from its beginning. */
  readonly rewind: (partitions: number) => void;
  /** A name that no earlier epoch has. */
  readonly newEpoch: () => string;
}

const RETRY_MS = 100;
/** Where no consumer waits for a batch. */
const IDLE = async () => {};

/**
 * Writes the hot rows of a topic of images to a view. It begins with the whole topic: first it folds it into the newest image
 * of each row, and writes these when it has read everything that was there, so that no reader sees old images pass by.
 * When Redis has lost the view, it does the same again.
 */
export class ViewWriter {
  readonly #context: WriterContext;
  readonly #counts = {
    ...{ images: 0, rejected: 0, written: 0, rebuilds: 0 },
    ...{ comparisons: 0, unread: 0, filled: 0, repaired: 0 },
  };
  /** Newest images that are not written yet, by the key of their rows. */
  readonly #pending = new Map<string, ViewRow>();
  #epoch = '';
  #next: bigint[] = [];
  /** Where the topic ended when the load began; null: it has been loaded. */
  #loadTo: readonly bigint[] | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: WriterContext) {
    this.#context = context;
  }

  get loaded(): boolean {
    return this.#loadTo === null;
  }

  counts(): ViewCounts {
    return { ...this.#counts, products: this.#context.hot.products };
  }

  /** Begins with an empty view; the consumer is at the beginning of the topic. */
  begin(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#begin();
      await this.#finishLoad(IDLE);
    });
  }

  /** Whether everything up to these offsets is in the view. */
  has(ends: readonly bigint[]): boolean {
    return this.loaded && this.#pending.size === 0 && this.#isAt(ends);
  }

  /** Handles a batch of the topic; false: the consumer was rewound. */
  handle(batch: ConsumedBatch): Promise<boolean> {
    return this.#inTurn(async () => {
      for (const { value, appendedMs } of batch.records) this.#absorb(value, appendedMs);
      this.#next[batch.part] = batch.next;
      if (!this.loaded) return this.#finishLoad(batch.alive);
      return this.#flush(batch.alive);
    });
  }

  /** Finds out whether Redis has lost the view, and then rebuilds it. Does nothing while Redis does not answer. */
  check(): Promise<void> {
    return this.#inTurn(async () => {
      const { redis, name } = this.#context;
      if (!(await isOfEpoch(redis, name, this.#epoch).catch(() => true))) await this.#rebuild();
    });
  }

  /**
   * Compares the view with the table, and writes what the table has and the view lacks. The table is later than the view by
   * its commit interval: a row that the view has in a newer version is no difference. Batches wait only for the writing.
   * When `signal` aborts meanwhile, there was no comparison.
   */
  async reconcile(table: Pick<TableReader, 'rows'>, signal: AbortSignal): Promise<void> {
    const { redis, name, hot, clock } = this.#context;
    const rows = await table.rows(hot.all(), clock.nowMs()).catch(() => null);
    if (signal.aborted) return;
    this.#counts.comparisons += 1;
    if (rows === null) {
      this.#counts.unread += 1;
      return;
    }
    await this.#inTurn(async () => {
      if (!this.loaded) return;
      const keys = rows.map(({ key }) => key);
      const shown = await this.#untilRedisAnswers(() => versionsIn(redis, name, keys), IDLE);
      // A row that comes in must not be older than what has passed by.
      const lacking = rows.filter(
        (row, i) => shown[i] === null && !hot.isOld({ ...row, version: Number(row.version) }),
      );
      const behind = rows.filter(({ version }, i) => {
        const known = shown[i] ?? null;
        return known !== null && BigInt(version) > BigInt(known);
      });
      const applied = await this.#untilRedisAnswers(
        () => writeView(redis, { name, epoch: this.#epoch }, [...lacking, ...behind]),
        IDLE,
      );
      if (applied === null) return this.#rebuild();
      this.#counts.filled += lacking.length;
      this.#counts.repaired += behind.length;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #begin(): Promise<void> {
    const { redis, name, ends, newEpoch } = this.#context;
    const loadTo = await ends();
    this.#pending.clear();
    this.#next = loadTo.map(() => 0n);
    this.#loadTo = loadTo;
    this.#epoch = newEpoch();
    await this.#untilRedisAnswers(() => beginView(redis, name, this.#epoch), IDLE);
  }

  async #rebuild(): Promise<void> {
    this.#counts.rebuilds += 1;
    this.#context.hot.readAgain(true);
    await this.#begin();
    this.#context.rewind(this.#next.length);
  }

  #isAt(ends: readonly bigint[]): boolean {
    return ends.every((end, part) => (this.#next[part] ?? 0n) >= end);
  }

  async #finishLoad(alive: () => Promise<void>): Promise<boolean> {
    if (!this.#isAt(this.#loadTo ?? [])) return true;
    this.#loadTo = null;
    this.#context.hot.readAgain(false);
    return this.#flush(alive);
  }

  /** Writes what is pending; false: the view was lost, and is rebuilt. */
  async #flush(alive: () => Promise<void>): Promise<boolean> {
    if (this.#pending.size === 0) return true;
    const { redis, name } = this.#context;
    const rows = [...this.#pending.values()];
    const applied = await this.#untilRedisAnswers(
      () => writeView(redis, { name, epoch: this.#epoch }, rows),
      alive,
    );
    if (applied === null) {
      await this.#rebuild();
      return false;
    }
    this.#counts.written += applied;
    this.#pending.clear();
    return true;
  }

  /** Repeats what is idempotent. Whether Redis has done it is unknown when a connection is lost. */
  async #untilRedisAnswers<T>(work: () => Promise<T>, alive: () => Promise<void>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (isAnswer(error)) throw error;
        await this.#context.clock.sleep(RETRY_MS);
        await alive();
      }
    }
  }

  #absorb(value: Uint8Array | null, appendedMs: number): void {
    const { stream, clock } = this.#context;
    this.#counts.images += 1;
    const decoded = decode(stream, value);
    if ('rejection' in decoded) {
      this.#counts.rejected += 1;
      return;
    }
    const { fields, op } = decoded;
    const number = (name: string) => Number(fields[name]);
    const [store, sku, version] = [number('store_id'), number('sku_id'), number('version')];
    if (!this.#context.hot.takes({ store, sku, version, change: op !== 'r' })) return;
    const key = `${store}/${sku}`;
    const row = JSON.stringify({ ...fields, kafka_ms: appendedMs, view_ms: clock.nowMs() });
    this.#pending.set(key, { key, version: String(version), row });
  }
}
