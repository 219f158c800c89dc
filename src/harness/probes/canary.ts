import { columnOf, type ImageDataset, stockView } from '../../topology/dataset.ts';
import type { QueryAnswer, Reader } from '../engines/engine.ts';
import type { SentMark } from '../load/marked-sender.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Canaries: marked rows that are polled for by their full keys through the query engine. */
export interface Canaries extends RunningProbe {
  /** Starts sending. The opening stock is in the tables then, or about to be sent like a canary. */
  startSending(): void;
  /** Stops sending; canaries in flight are still polled for. */
  stopSending(): Promise<void>;
  /** Number of canaries that were sent and not seen yet. */
  pending(): number;
  /** Number of crashes of the query engine. */
  crashes(): number;
}

/** Interval between the starts of two polls. One poll looks up every canary in flight. */
const POLL_MS = 400;
/** A slow poll is followed by a pause nine times as long: polling uses at most a tenth of one core. */
const REST_FACTOR = 9;
/** For this share of the commit interval after a poll that found a canary, the next commit is not expected. */
const QUIET_SHARE = 0.5;
const TIMEOUT_MS = 30_000;

export const canaryProbe: Probe<Canaries> & { readonly kind: 'canary' } = {
  kind: 'canary',
  async start(context) {
    const reader = await context.openReader({ threads: 1, memoryMb: 512, cachesFiles: true });
    return new RunningCanaries(context, reader);
  },
};

/** A canary that was sent and not seen yet. */
interface CanaryInFlight {
  readonly mark: SentMark;
  lastMissMs: number | null;
  /** Polls with an answer and polls without one. */
  polls: number;
  failedPolls: number;
}

class RunningCanaries implements Canaries {
  readonly #context: ProbeContext;
  readonly #reader: Reader;
  /** null: the pipeline keeps no images of rows, and no canary is sent. */
  readonly #table: ImageDataset | null;
  readonly #inFlight = new Set<CanaryInFlight>();
  readonly #stopping = new AbortController();
  readonly #stoppingSends = new AbortController();
  readonly #sends = new Set<Promise<void>>();
  #sending: Promise<void> = Promise.resolve();
  readonly #polling: Promise<void>;

  constructor(context: ProbeContext, reader: Reader) {
    this.#context = context;
    this.#reader = reader;
    this.#table = stockView(context.datasets);
    this.#polling = this.#poll().catch(context.fail);
  }

  pending(): number {
    return this.#inFlight.size;
  }

  crashes(): number {
    return this.#reader.crashes;
  }

  startSending(): void {
    this.#sending = this.#send();
  }

  async stopSending(): Promise<void> {
    this.#stoppingSends.abort();
    await this.#sending;
    await Promise.all(this.#sends);
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await this.stopSending();
    this.#stopping.abort();
    await this.#polling;
    if (!this.#context.signal.aborted) await this.#pollOnce();
    for (const canary of this.#inFlight) {
      await this.#write(canary.mark, canary, null, canary.polls > 0 ? 'never' : 'failed');
    }
    this.#inFlight.clear();
    await this.#reader.close();
  }

  /** Open loop: canary n is due n intervals after the start, independent of the others. */
  async #send(): Promise<void> {
    const { clock, scenario, signal } = this.#context;
    if (scenario.canaries.perSecond <= 0 || this.#table === null) return;
    const ends = AbortSignal.any([signal, this.#stoppingSends.signal]);
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
      this.#inFlight.add({ mark, lastMissMs: null, polls: 0, failedPolls: 0 });
    } catch {
      // Not acknowledged: the row keeps a canary without an answer.
      await this.#context.facts.append('canaries', [
        { due_ms: dueMs, polls: 0, failed_polls: 0, outcome: 'failed' },
      ]);
    }
  }

  async #poll(): Promise<void> {
    const { clock, signal, scenario } = this.#context;
    const quietMs = scenario.pipeline.commitEveryMs * QUIET_SHARE;
    const ends = AbortSignal.any([signal, this.#stopping.signal]);
    while (!ends.aborted) {
      const startMs = clock.nowMs();
      const found = await this.#pollOnce();
      const tookMs = clock.nowMs() - startMs;
      // A commit shows every canary of its interval at once: until the next one a poll would find none.
      const everyMs = found > 0 ? Math.max(POLL_MS, quietMs) : POLL_MS;
      const waitMs = Math.max(everyMs - tookMs, tookMs * REST_FACTOR);
      await clock.sleep(waitMs, ends).catch(() => {});
    }
  }

  /** Number of canaries that it found. */
  async #pollOnce(): Promise<number> {
    const polled = [...this.#inFlight];
    if (polled.length === 0 || this.#table === null) return 0;
    const before = this.#context.underDeclaredFault();
    const answer = await this.#reader.query(
      this.#sql(this.#table, polled),
      {},
      { timeoutMs: TIMEOUT_MS },
    );
    // A poll without an answer is neither a miss nor a hit: it only widens the interval.
    if (answer.outcome !== 'ok') {
      if (before || this.#context.underDeclaredFault()) return 0;
      for (const canary of polled) canary.failedPolls += 1;
      return 0;
    }
    const versions = new Map(
      answer.rows.map((row) => [`${row.store_id}/${row.sku_id}`, Number(row.version)]),
    );
    for (const canary of polled) await this.#judge(canary, versions, answer);
    return polled.filter((canary) => !this.#inFlight.has(canary)).length;
  }

  async #judge(
    canary: CanaryInFlight,
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
    this.#inFlight.delete(canary);
    await this.#write(canary.mark, canary, endMs, 'seen');
  }

  /**
   * Filters on both columns of the key, so that the engine prunes files as for a lookup, and on the version: an older
   * image of a key is a miss as well as none, and without the filter every file with an earlier canary would be read.
   */
  #sql(table: ImageDataset, canaries: readonly CanaryInFlight[]): string {
    const column = (name: string) => `"${columnOf(table, name)}"`;
    const list = (values: Iterable<number | null>) => [...new Set(values)].join(', ');
    return `SELECT ${column('store_id')} AS store_id, ${column('sku_id')} AS sku_id,
        max(${column('version')}) AS version
      FROM ice.${this.#context.place.namespace}."${table.name}"
      WHERE ${column('sku_id')} IN (${list(canaries.map(({ mark }) => mark.skuId))})
        AND ${column('store_id')} IN (${list(canaries.map(({ mark }) => mark.storeId))})
        AND ${column('version')} >= ${Math.min(...canaries.map(({ mark }) => mark.version ?? 0))}
      GROUP BY ALL`;
  }

  #write(
    mark: SentMark,
    { lastMissMs, polls, failedPolls }: CanaryInFlight,
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
