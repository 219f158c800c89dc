import type { Clock } from '../../core/clock.ts';
import { yieldToEventLoop } from '../../core/yield-to-event-loop.ts';
import { type Contract, contract } from '../../generators/contract.ts';
import type { TapeEvent } from '../../generators/event.ts';
import { type BatchProducer, partitionOf } from '../clients/kafka-producer.ts';
import { topicOf } from '../run-namespace.ts';
import { eventLine, type SentMessage } from './event-facts.ts';
import { FactFile, threadFiles } from './fact-file.ts';
import type { LoadProgress } from './load-progress.ts';
import { sampleLoopDelay } from './loop-delay.ts';
import type { WorkerOptions, WorkerResult } from './messages.ts';
import { type Paced, Pacer, withFirstEvent } from './pacer.ts';
import { Tally } from './tally.ts';
import { targetOf } from './targets/targets.ts';

/**
 * Least time between two batches, ms: the linger of this producer. Without it each message would be a
 * request of its own, and the measured cost of the brokers would be the harness's. It counts as slip.
 */
const LINGER_MS = 20;
/** Longest sleep, so that a cut or an abort is noticed soon, ms. */
const MAX_SLEEP_MS = 20;
/** Messages prepared before the event loop can serve the sockets again. */
const MESSAGES_PER_SLICE = 64;

/** The generators as a producing thread uses them: its events and their encoding. */
export interface Tape {
  readonly preload: (stores: readonly number[]) => Iterable<TapeEvent>;
  readonly live: (stores: readonly number[]) => Iterable<TapeEvent>;
  readonly encode: (event: TapeEvent, t0Ms: number) => Uint8Array;
}

/** The numbers of the stores a worker owns. */
function storesOf(worker: number, workers: number, stores: number): readonly number[] {
  return Array.from({ length: stores }, (_, i) => i + 1).filter((s) => s % workers === worker);
}

interface Waiter {
  readonly offsetMs: number;
  readonly resolve: () => void;
}

/** One producing thread's share of the load: its stores, its producer, its facts. */
export class ProducerWorker {
  readonly #data: WorkerOptions;
  readonly #tape: Omit<Tape, 'live'>;
  readonly #clock: Clock;
  readonly #producer: BatchProducer;
  readonly #events: FactFile;
  readonly #loopDelays: FactFile;
  readonly #loads: FactFile;
  readonly #stores: readonly number[];
  readonly #live: Iterable<TapeEvent>;
  readonly #parts = new Map<number, number>();
  readonly #contract: Contract = contract();
  readonly #tally = new Tally();
  readonly #stopSampling: () => void;
  #inFlight: readonly SentMessage[] = [];
  #pacer: Pacer<TapeEvent> | undefined;
  #t0Ms = 0;
  #waiters: Waiter[] = [];
  #slips: number[] = [];
  #preloaded = 0;
  #running: Promise<void> | undefined;
  #ending: 'finish' | 'abort' | undefined;

  /** Connects, and builds the tape up to its first event, so that neither delays t0. */
  static async open(
    data: WorkerOptions,
    tape: Tape,
    clock: Clock,
    warn: (line: string) => void,
  ): Promise<ProducerWorker> {
    const stores = storesOf(data.worker, data.workers, data.scenario.retail.stores);
    const live = withFirstEvent(tape.live(stores));
    const producer = await targetOf(data.target).openProducer(data.target, {
      clientId: `doorbuster-load-${data.worker}`,
      onWarning: warn,
    });
    return new ProducerWorker(data, { ...tape, stores, live }, clock, producer);
  }

  private constructor(
    data: WorkerOptions,
    tape: Omit<Tape, 'live'> & {
      readonly stores: readonly number[];
      readonly live: Iterable<TapeEvent>;
    },
    clock: Clock,
    producer: BatchProducer,
  ) {
    const { worker, dir, scenario } = data;
    this.#data = data;
    this.#tape = tape;
    this.#clock = clock;
    this.#producer = producer;
    const paths = threadFiles(dir, worker);
    this.#events = new FactFile('events', paths.events);
    this.#loopDelays = new FactFile('loop_delay', paths.loop_delay);
    this.#loads = new FactFile('load', paths.load);
    this.#stores = tape.stores;
    this.#live = tape.live;
    for (const store of this.#stores) {
      this.#parts.set(store, partitionOf(store, scenario.stack.partitions));
    }
    this.#stopSampling = sampleLoopDelay(clock, (atMs, delayMs) =>
      this.#loopDelays.append([atMs, worker, delayMs]),
    );
  }

  /** Sends the opening stock as fast as the target accepts it; resolves when all of it is acknowledged. */
  async preload(t0Ms: number): Promise<void> {
    this.#t0Ms = t0Ms;
    const pacer = new Pacer(this.#tape.preload(this.#stores), (event) =>
      this.#tape.encode(event, t0Ms),
    );
    while (this.#ending === undefined) {
      const batch = pacer.due(Number.POSITIVE_INFINITY);
      if (batch.length === 0) break;
      this.#preloaded += batch.length;
      await this.#send(batch);
    }
  }

  /** Starts the open loop. Calls `failed` if it ends by anything but finish or abort. */
  begin(t0Ms: number, failed: (cause: unknown) => void): void {
    this.#t0Ms = t0Ms;
    const pacer = new Pacer(this.#live, (event) => this.#tape.encode(event, t0Ms));
    this.#pacer = pacer;
    this.#running = this.#produce(pacer);
    this.#running.catch(failed);
    this.#readAhead(pacer).catch(failed);
  }

  /** Sends nothing due at or after this offset; returns the effective cut (see Pacer.stopAt). */
  cut(cutMs: number): number {
    if (this.#pacer === undefined) throw new Error('a cut before the load has begun');
    return this.#pacer.stopAt(cutMs);
  }

  /** Resolves once everything due before this offset has been acknowledged. */
  reach(offsetMs: number): Promise<void> {
    return new Promise((resolve) => this.#waiters.push({ offsetMs, resolve }));
  }

  /** Closes everything after the cut was reached, and returns the counts. */
  async finish(): Promise<WorkerResult> {
    this.#ending = 'finish';
    await this.#running;
    return this.#close();
  }

  /** Stops at once; messages in flight are written as never acknowledged. */
  async abort(): Promise<WorkerResult> {
    this.#ending = 'abort';
    for (const handed of this.#inFlight) this.#events.appendLine(eventLine(handed, null));
    this.#inFlight = [];
    return this.#close();
  }

  progress(): LoadProgress {
    const nowMs = this.#clock.nowMs() - this.#t0Ms;
    const slips = this.#slips.sort((a, b) => a - b);
    this.#slips = [];
    let handedOver = -this.#preloaded;
    let acknowledged = -this.#preloaded;
    for (const counts of Object.values(this.#tally.totals)) {
      handedOver += counts.handedOver;
      acknowledged += counts.acknowledged;
    }
    const overdue = this.#pacer?.overdue(nowMs) ?? 0;
    return {
      scheduled: handedOver + overdue,
      handedOver,
      acknowledged,
      slipP99Ms: slips[Math.ceil(slips.length * 0.99) - 1] ?? null,
      slipMaxMs: slips.at(-1) ?? null,
      behindMs: overdue === 0 ? 0 : nowMs - (this.#pacer?.nextDueMs() ?? nowMs),
    };
  }

  async #produce(pacer: Pacer<TapeEvent>): Promise<void> {
    let lingerUntilMs = 0;
    while (true) {
      const dueMs = pacer.nextDueMs() ?? Number.POSITIVE_INFINITY;
      this.#waiters = this.#waiters.filter(({ offsetMs, resolve }) => {
        if (dueMs >= offsetMs) resolve();
        return dueMs < offsetMs;
      });
      if (this.#ending === 'abort') return;
      if (this.#ending === 'finish' && dueMs === Number.POSITIVE_INFINITY) return;
      const nowMs = this.#clock.nowMs();
      const waitMs = Math.max(this.#t0Ms + dueMs, lingerUntilMs) - nowMs;
      if (waitMs > 0) {
        await this.#clock.sleep(Math.min(waitMs, MAX_SLEEP_MS));
        continue;
      }
      lingerUntilMs = nowMs + LINGER_MS;
      await this.#send(pacer.due(nowMs - this.#t0Ms));
    }
  }

  /** Generates and encodes ahead of time, in slices, so that neither shows as slip. */
  async #readAhead(pacer: Pacer<TapeEvent>): Promise<void> {
    while (this.#ending === undefined) {
      const more = pacer.fill(this.#clock.nowMs() - this.#t0Ms, MESSAGES_PER_SLICE);
      if (more) await yieldToEventLoop();
      else await this.#clock.sleep(MAX_SLEEP_MS);
    }
  }

  async #send(batch: readonly Paced<TapeEvent>[]): Promise<void> {
    const outgoing = batch.map(({ event, value }) => ({
      topic: topicOf(this.#data.place, event.stream),
      partition: this.#parts.get(event.store) as number,
      key: String(event.store),
      value,
    }));
    const sentMs = this.#clock.nowMs();
    const answered = this.#producer.send(outgoing, sentMs);
    // The facts are prepared while the broker works. CONTRACT sees the messages in append order,
    // because batches of one producer are appended in the order in which they are sent.
    const handed = batch.map((paced) => this.#sentMessage(paced, sentMs));
    this.#inFlight = handed;
    const appended = await answered;
    // The abort has already written these rows as never acknowledged.
    if (this.#ending === 'abort') return;
    this.#inFlight = [];
    const ackedMs = this.#clock.nowMs();
    for (let i = 0; i < handed.length; i++) {
      const fact = handed[i] as SentMessage;
      const answer = appended[i];
      if (answer === undefined) throw new Error(`message ${fact.id} got no answer`);
      this.#events.appendLine(eventLine(fact, { ...answer, ackedMs }));
      this.#tally.count('acknowledged', fact.stream, ackedMs);
    }
    await this.#events.settle();
  }

  #sentMessage({ event, value }: Paced<TapeEvent>, sentMs: number): SentMessage {
    const { stream, truth } = event;
    const dueMs = this.#t0Ms + event.dueMs;
    this.#tally.count('scheduled', stream, dueMs);
    this.#tally.count('handedOver', stream, sentMs);
    this.#tally.count('bytes', stream, sentMs, value.byteLength);
    if (truth.role !== 'preload') this.#slips.push(sentMs - dueMs);
    return {
      stream,
      id: event.id,
      store: event.store,
      row: truth.row,
      role: truth.role,
      fault: truth.fault,
      copyOf: truth.copyOf,
      labels: truth.labels,
      cents: truth.cents,
      occurredMs: this.#t0Ms + event.occurredMs,
      claimedMs: this.#t0Ms + event.claimedMs,
      dueMs,
      sentMs,
      part: this.#parts.get(event.store) as number,
      bytes: value.byteLength,
      expect: this.#contract(event),
    };
  }

  async #close(): Promise<WorkerResult> {
    this.#stopSampling();
    this.#tally.writeTo(this.#loads, this.#data.worker);
    const files = [this.#events, this.#loads, this.#loopDelays];
    await Promise.all(files.map((file) => file.close()));
    // Not awaited after an abort: a batch may still wait for its acknowledgement.
    if (this.#ending === 'finish') await this.#producer.close();
    return { totals: this.#tally.totals, files: files.map((file) => file.ref) };
  }
}
