import { columnOf, type ImageDataset, stockView } from '../../topology/dataset.ts';
import type { QueryAnswer, Reader } from '../engines/engine.ts';
import type { SentMark } from '../load/marked-sender.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Canaries at work: marked rows, polled for by their full keys through the query engine. */
export interface Canaries extends RunningProbe {
  /** Sends no more; those on their way are still polled for. */
  stopSending(): Promise<void>;
  /** Sent, and not seen yet. */
  pending(): number;
  /** Times the query engine died on it. */
  crashes(): number;
}

/** Between the starts of two polls. One poll asks for every canary on its way. */
const POLL_MS = 400;
/** A poll that took long is followed by a pause four times as long: at most a fifth of one core is spent. */
const REST_FACTOR = 4;
const TIMEOUT_MS = 30_000;

export const canaryProbe: Probe<Canaries> & { readonly kind: 'canary' } = {
  kind: 'canary',
  async start(context) {
    const reader = await context.openReader({ threads: 1, memoryMb: 512 });
    return new RunningCanaries(context, reader);
  },
};

/** One canary on its way. */
interface Flying {
  readonly mark: SentMark;
  lastMissMs: number | null;
  /** Polls with an answer, and without one. */
  polls: number;
  failedPolls: number;
}

class RunningCanaries implements Canaries {
  readonly #context: ProbeContext;
  readonly #reader: Reader;
  /** null: the pipeline keeps no images of rows, and no canary is sent. */
  readonly #table: ImageDataset | null;
  readonly #flying = new Set<Flying>();
  readonly #stopping = new AbortController();
  readonly #sendingStops = new AbortController();
  readonly #sends = new Set<Promise<void>>();
  readonly #sending: Promise<void>;
  readonly #polling: Promise<void>;

  constructor(context: ProbeContext, reader: Reader) {
    this.#context = context;
    this.#reader = reader;
    this.#table = stockView(context.datasets);
    this.#sending = this.#send();
    this.#polling = this.#poll().catch(context.fail);
  }

  pending(): number {
    return this.#flying.size;
  }

  crashes(): number {
    return this.#reader.crashes;
  }

  async stopSending(): Promise<void> {
    this.#sendingStops.abort();
    await this.#sending;
    await Promise.all(this.#sends);
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.stopSending();
    this.#stopping.abort();
    await this.#polling;
    if (!this.#context.signal.aborted) await this.#pollOnce();
    for (const canary of this.#flying) {
      await this.#write(canary.mark, canary, null, canary.polls > 0 ? 'never' : 'failed');
    }
    this.#flying.clear();
    await this.#reader.close();
  }

  /** Open loop: the n-th is due n intervals after the start, whatever became of the others. */
  async #send(): Promise<void> {
    const { clock, scenario, signal } = this.#context;
    if (scenario.canaries.perSecond <= 0 || this.#table === null) return;
    const ends = AbortSignal.any([signal, this.#sendingStops.signal]);
    const startMs = clock.nowMs();
    for (let n = 0; !ends.aborted; n++) {
      const dueMs = startMs + (n * 1000) / scenario.canaries.perSecond;
      await clock.sleep(Math.max(0, dueMs - clock.nowMs()), ends).catch(() => {});
      if (ends.aborted) return;
      const sent = this.#sendOne(dueMs)
        .catch(this.#context.fail)
        .finally(() => this.#sends.delete(sent));
      this.#sends.add(sent);
    }
  }

  async #sendOne(dueMs: number): Promise<void> {
    try {
      const mark = await this.#context.sendCanary(dueMs);
      this.#flying.add({ mark, lastMissMs: null, polls: 0, failedPolls: 0 });
    } catch {
      // The sender has written down what the broker said; here it is a canary that gave no answer.
      await this.#context.facts.append('canaries', [
        { due_ms: dueMs, polls: 0, failed_polls: 0, outcome: 'failed' },
      ]);
    }
  }

  async #poll(): Promise<void> {
    const { clock, signal } = this.#context;
    const ends = AbortSignal.any([signal, this.#stopping.signal]);
    while (!ends.aborted) {
      const startMs = clock.nowMs();
      await this.#pollOnce();
      const tookMs = clock.nowMs() - startMs;
      const waitMs = Math.max(POLL_MS - tookMs, tookMs * REST_FACTOR);
      await clock.sleep(waitMs, ends).catch(() => {});
    }
  }

  async #pollOnce(): Promise<void> {
    const asked = [...this.#flying];
    if (asked.length === 0 || this.#table === null) return;
    const before = this.#context.excused();
    const answer = await this.#reader.query(
      this.#sql(this.#table, asked),
      {},
      { timeoutMs: TIMEOUT_MS },
    );
    // A poll without an answer is neither a miss nor a hit: the interval just gets wider.
    if (answer.outcome !== 'ok') {
      if (before || this.#context.excused()) return;
      for (const canary of asked) canary.failedPolls += 1;
      return;
    }
    const versions = new Map(
      answer.rows.map((row) => [`${row.store_id}/${row.sku_id}`, Number(row.version)]),
    );
    for (const canary of asked) await this.#judge(canary, versions, answer);
  }

  async #judge(
    canary: Flying,
    versions: ReadonlyMap<string, number>,
    { startMs, endMs }: QueryAnswer,
  ): Promise<void> {
    const { storeId, skuId, version } = canary.mark;
    canary.polls += 1;
    const shown = versions.get(`${storeId}/${skuId}`);
    if (shown === undefined || shown < (version ?? 0)) {
      canary.lastMissMs = startMs;
      return;
    }
    this.#flying.delete(canary);
    await this.#write(canary.mark, canary, endMs, 'seen');
  }

  /** Both columns of the key are filtered on, so that the engine prunes as it does for a lookup. */
  #sql(table: ImageDataset, canaries: readonly Flying[]): string {
    const column = (name: string) => `"${columnOf(table, name)}"`;
    const list = (values: Iterable<number | null>) => [...new Set(values)].join(', ');
    return `SELECT ${column('store_id')} AS store_id, ${column('sku_id')} AS sku_id,
        max(${column('version')}) AS version
      FROM ice.${this.#context.place.namespace}."${table.name}"
      WHERE ${column('sku_id')} IN (${list(canaries.map(({ mark }) => mark.skuId))})
        AND ${column('store_id')} IN (${list(canaries.map(({ mark }) => mark.storeId))})
      GROUP BY ALL`;
  }

  #write(
    mark: SentMark,
    { lastMissMs, polls, failedPolls }: Flying,
    firstHitMs: number | null,
    outcome: 'seen' | 'never' | 'failed',
  ): Promise<void> {
    return this.#context.facts.append('canaries', [
      {
        event_id: mark.eventId,
        store_id: mark.storeId,
        sku_id: mark.skuId,
        version: mark.version,
        due_ms: mark.dueMs,
        last_miss_ms: lastMissMs,
        first_hit_ms: firstHitMs,
        polls,
        failed_polls: failedPolls,
        outcome,
      },
    ]);
  }
}
