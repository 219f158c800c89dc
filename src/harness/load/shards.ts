import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import type { Load } from './load.ts';
import { joinProgress, type LoadProgress } from './load-progress.ts';

/** A request of the leader to all other shards: one kind per method of `Load`. */
type LeaderRequest =
  | { readonly what: 'preload' }
  | { readonly what: 'begin'; readonly t0Ms: number }
  | { readonly what: 'stopAt'; readonly offsetMs: number }
  | { readonly what: 'reached'; readonly offsetMs: number }
  | { readonly what: 'finish' }
  | { readonly what: 'abort'; readonly why: string };

/** Every message of the shards of a distributed load. */
export type ShardMessage =
  /** The topics and tables exist, so that the shards can connect. `hash` is of the scenario. */
  | { readonly kind: 'deployed'; readonly hash: string; readonly threads: number }
  | { readonly kind: 'here'; readonly from: number; readonly hash: string }
  | ({ readonly kind: 'ask'; readonly id: number } & LeaderRequest)
  | {
      readonly kind: 'answer';
      readonly from: number;
      readonly id: number;
      /** For `stopAt`: the effective cut. */
      readonly cutMs?: number;
    }
  | { readonly kind: 'alive'; readonly from: number; readonly progress: LoadProgress | null }
  | { readonly kind: 'gone'; readonly from: number; readonly why: string };

type Publish = (message: ShardMessage) => Promise<unknown>;

/** Interval between two heartbeats, ms. */
export const HEARTBEAT_EVERY_MS = 1_000;
/** A shard without a message for this long counts as failed, ms. */
export const SILENT_AFTER_MS = 30_000;
/** A cut lies this far ahead, ms: every shard receives it before messages beyond it are due. */
const CUT_AHEAD_MS = 3_000;

interface Pending {
  readonly waiting: Set<number>;
  latestCutMs: number;
  readonly resolve: (cutMs: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The load of all shards as seen by the leader: its own share, and the others by their messages. */
export class LeadingLoad implements Load {
  readonly #own: Load;
  readonly #others: readonly number[];
  readonly #publish: Publish;
  readonly #clock: Clock;
  readonly #broken = new AbortController();
  readonly #pending = new Map<number, Pending>();
  readonly #progress = new Map<number, LoadProgress>();
  readonly #lastMessageMs = new Map<number, number>();
  #requests = 0;
  #t0Ms: number | undefined;
  #ended = false;

  constructor(
    own: Load,
    {
      of,
      publish,
      clock,
    }: { readonly of: number; readonly publish: Publish; readonly clock: Clock },
  ) {
    this.#own = own;
    this.#publish = publish;
    this.#clock = clock;
    this.#others = Array.from({ length: of - 1 }, (_, i) => i + 1);
    for (const other of this.#others) this.#lastMessageMs.set(other, clock.monotonicMs());
    const onBroken = () => this.#fail(own.broken.reason);
    if (own.broken.aborted) onBroken();
    own.broken.addEventListener('abort', onBroken, { once: true });
  }

  get workers(): number {
    return this.#own.workers;
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Receives every message of the channel. */
  receive(message: ShardMessage): void {
    if (!('from' in message) || message.from === 0) return;
    this.#lastMessageMs.set(message.from, this.#clock.monotonicMs());
    if (message.kind === 'alive' && message.progress) {
      this.#progress.set(message.from, message.progress);
    }
    if (message.kind === 'gone' && !this.#ended) {
      this.#fail(stackBroke(`shard ${message.from + 1} has ended: ${message.why}`));
    }
    if (message.kind !== 'answer') return;
    const pending = this.#pending.get(message.id);
    if (!pending?.waiting.delete(message.from)) return;
    pending.latestCutMs = Math.max(pending.latestCutMs, message.cutMs ?? Number.NEGATIVE_INFINITY);
    if (pending.waiting.size > 0) return;
    this.#pending.delete(message.id);
    pending.resolve(pending.latestCutMs);
  }

  /** Fails the load if a shard has been silent for too long. To be called regularly. */
  checkSilence(): void {
    if (this.#ended) return;
    for (const [shard, heardMs] of this.#lastMessageMs) {
      const silentMs = this.#clock.monotonicMs() - heardMs;
      if (silentMs <= SILENT_AFTER_MS) continue;
      const words = `shard ${shard + 1} has sent no message for ${Math.round(silentMs / 1_000)} s`;
      this.#fail(stackBroke(`${words} (limit ${SILENT_AFTER_MS / 1_000} s)`));
    }
  }

  async preload(): Promise<void> {
    await Promise.all([this.#own.preload(), this.#request({ what: 'preload' })]);
  }

  async begin(t0Ms: number): Promise<void> {
    this.#t0Ms = t0Ms;
    await Promise.all([this.#own.begin(t0Ms), this.#request({ what: 'begin', t0Ms })]);
  }

  async stopAt(offsetMs: number): Promise<number> {
    let cutMs = offsetMs + (this.#others.length > 0 ? CUT_AHEAD_MS : 0);
    for (;;) {
      const requestedMs = cutMs;
      const kept = await Promise.all([
        this.#own.stopAt(requestedMs),
        this.#request({ what: 'stopAt', offsetMs: requestedMs }),
      ]);
      cutMs = Math.max(...kept);
      // A shard that has sent beyond the cut moves it for all.
      if (cutMs <= requestedMs) return requestedMs;
    }
  }

  async reached(offsetMs: number): Promise<void> {
    await Promise.all([this.#own.reached(offsetMs), this.#request({ what: 'reached', offsetMs })]);
  }

  async markers(round: number): ReturnType<Load['markers']> {
    // A marker states that everything before it was appended, by every shard.
    if (this.#t0Ms !== undefined) await this.reached(this.#clock.nowMs() - this.#t0Ms);
    return this.#own.markers(round);
  }

  canary(dueMs: number): ReturnType<Load['canary']> {
    return this.#own.canary(dueMs);
  }

  get progress(): LoadProgress {
    return joinProgress([this.#own.progress, ...this.#progress.values()]);
  }

  async finish(): ReturnType<Load['finish']> {
    const [own] = await Promise.all([this.#own.finish(), this.#request({ what: 'finish' })]);
    this.#ended = true;
    return own;
  }

  async abort(): ReturnType<Load['abort']> {
    const over = this.#ended;
    this.#ended = true;
    if (!over) {
      this.#requests += 1;
      const why = 'the leader ended the run';
      // Not awaited: a shard that misses the message notices the silence of the leader.
      void this.#publish({ kind: 'ask', id: this.#requests, what: 'abort', why }).catch(() => {});
    }
    return this.#own.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  /** Resolves when every shard has answered, with the latest cut among the answers. */
  async #request(request: LeaderRequest): Promise<number> {
    if (this.#others.length === 0) return Number.NEGATIVE_INFINITY;
    this.#broken.signal.throwIfAborted();
    this.#requests += 1;
    const id = this.#requests;
    const answered = new Promise<number>((resolve, reject) => {
      const waiting = new Set(this.#others);
      this.#pending.set(id, { waiting, latestCutMs: Number.NEGATIVE_INFINITY, resolve, reject });
    });
    // A shard that ends while the request is being published rejects this promise early.
    answered.catch(() => {});
    await this.#publish({ kind: 'ask', id, ...request });
    return answered;
  }

  #fail(cause: unknown): void {
    this.#broken.abort(cause);
    for (const { reject } of this.#pending.values()) reject(cause);
    this.#pending.clear();
  }
}

/** Executes a request of the leader on this shard's own load; resolves with the effective cut of `stopAt`. */
export async function executeRequest(
  load: Load,
  message: Extract<ShardMessage, { kind: 'ask' }>,
): Promise<{ readonly cutMs?: number }> {
  switch (message.what) {
    case 'preload':
      await load.preload();
      return {};
    case 'begin':
      await load.begin(message.t0Ms);
      return {};
    case 'stopAt':
      return { cutMs: await load.stopAt(message.offsetMs) };
    case 'reached':
      await load.reached(message.offsetMs);
      return {};
    case 'finish':
      await load.finish();
      return {};
    case 'abort':
      await load.abort();
      return {};
  }
}
