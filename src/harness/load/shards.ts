import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import type { Load } from './load.ts';
import { joinProgress, type LoadProgress } from './load-progress.ts';

/** What the leader asks of the others, each by all of them, in the words of a load. */
type Asked =
  | { readonly what: 'preload' }
  | { readonly what: 'begin'; readonly t0Ms: number }
  | { readonly what: 'stopAt'; readonly offsetMs: number }
  | { readonly what: 'reached'; readonly offsetMs: number }
  | { readonly what: 'finish' }
  | { readonly what: 'abort'; readonly why: string };

/** Everything that is said on the channel of a sharded load. */
export type ShardMessage =
  /** The topics and tables are there: who makes this load may connect. `hash` is of the scenario. */
  | { readonly kind: 'deployed'; readonly hash: string; readonly threads: number }
  | { readonly kind: 'here'; readonly from: number; readonly hash: string }
  | ({ readonly kind: 'ask'; readonly id: number } & Asked)
  | {
      readonly kind: 'answer';
      readonly from: number;
      readonly id: number;
      /** Of `stopAt`: the cut that is kept. */
      readonly cutMs?: number;
    }
  | { readonly kind: 'alive'; readonly from: number; readonly progress: LoadProgress | null }
  | { readonly kind: 'gone'; readonly from: number; readonly why: string };

type Say = (message: ShardMessage) => Promise<unknown>;

/** Between two signs of life. */
export const ALIVE_EVERY_MS = 1_000;
/** A shard that has not been heard for so long is taken for dead. */
export const SILENT_AFTER_MS = 30_000;
/** A cut lies so far ahead that everybody has heard of it before anything beyond it is due. */
const CUT_AHEAD_MS = 3_000;

interface Pending {
  readonly waiting: Set<number>;
  latestCutMs: number;
  readonly resolve: (cutMs: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The load of all shards, as the leader has it: its own share, and the others' by what they say. */
export class LeadingLoad implements Load {
  readonly #own: Load;
  readonly #others: readonly number[];
  readonly #say: Say;
  readonly #clock: Clock;
  readonly #broken = new AbortController();
  readonly #pending = new Map<number, Pending>();
  readonly #progress = new Map<number, LoadProgress>();
  readonly #heardMs = new Map<number, number>();
  #asked = 0;
  #t0Ms: number | undefined;
  #ended = false;

  constructor(
    own: Load,
    { of, say, clock }: { readonly of: number; readonly say: Say; readonly clock: Clock },
  ) {
    this.#own = own;
    this.#say = say;
    this.#clock = clock;
    this.#others = Array.from({ length: of - 1 }, (_, i) => i + 1);
    for (const other of this.#others) this.#heardMs.set(other, clock.monotonicMs());
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

  /** Told everything that is said on the channel. */
  hear(message: ShardMessage): void {
    if (!('from' in message) || message.from === 0) return;
    this.#heardMs.set(message.from, this.#clock.monotonicMs());
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

  /** To be called now and then: gives a silent shard up. */
  look(): void {
    if (this.#ended) return;
    for (const [shard, heardMs] of this.#heardMs) {
      const silentMs = this.#clock.monotonicMs() - heardMs;
      if (silentMs <= SILENT_AFTER_MS) continue;
      const words = `shard ${shard + 1} has sent no message for ${Math.round(silentMs / 1_000)} s`;
      this.#fail(stackBroke(`${words} (limit ${SILENT_AFTER_MS / 1_000} s)`));
    }
  }

  async preload(): Promise<void> {
    await Promise.all([this.#own.preload(), this.#ask({ what: 'preload' })]);
  }

  async begin(t0Ms: number): Promise<void> {
    this.#t0Ms = t0Ms;
    await Promise.all([this.#own.begin(t0Ms), this.#ask({ what: 'begin', t0Ms })]);
  }

  async stopAt(offsetMs: number): Promise<number> {
    let cutMs = offsetMs + (this.#others.length > 0 ? CUT_AHEAD_MS : 0);
    for (;;) {
      const asked = cutMs;
      const kept = await Promise.all([
        this.#own.stopAt(asked),
        this.#ask({ what: 'stopAt', offsetMs: asked }),
      ]);
      cutMs = Math.max(...kept);
      // One that had gone beyond it moves the cut for all.
      if (cutMs <= asked) return asked;
    }
  }

  async reached(offsetMs: number): Promise<void> {
    await Promise.all([this.#own.reached(offsetMs), this.#ask({ what: 'reached', offsetMs })]);
  }

  async markers(round: number): ReturnType<Load['markers']> {
    // Everybody's, before the mark that says that it is all there.
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
    const [own] = await Promise.all([this.#own.finish(), this.#ask({ what: 'finish' })]);
    this.#ended = true;
    return own;
  }

  async abort(): ReturnType<Load['abort']> {
    const over = this.#ended;
    this.#ended = true;
    if (!over) {
      this.#asked += 1;
      const why = 'the leader ended the run';
      // Nobody waits for an answer: whoever does not hear it notices the silence.
      void this.#say({ kind: 'ask', id: this.#asked, what: 'abort', why }).catch(() => {});
    }
    return this.#own.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  /** Resolves when everybody has answered, with the latest cut of those who name one. */
  async #ask(asked: Asked): Promise<number> {
    if (this.#others.length === 0) return Number.NEGATIVE_INFINITY;
    this.#broken.signal.throwIfAborted();
    this.#asked += 1;
    const id = this.#asked;
    const answered = new Promise<number>((resolve, reject) => {
      const waiting = new Set(this.#others);
      this.#pending.set(id, { waiting, latestCutMs: Number.NEGATIVE_INFINITY, resolve, reject });
    });
    // Rejected by a shard that goes while the question is still on its way.
    answered.catch(() => {});
    await this.#say({ kind: 'ask', id, ...asked });
    return answered;
  }

  #fail(cause: unknown): void {
    this.#broken.abort(cause);
    for (const { reject } of this.#pending.values()) reject(cause);
    this.#pending.clear();
  }
}

/** What a shard that does not lead does when it is asked; resolves with what its share came to. */
export async function answer(
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
