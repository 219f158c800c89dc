import type { Clock } from '../../core/clock.ts';
import { yieldToEventLoop } from '../../core/yield-to-event-loop.ts';
import { type Contract, contract } from '../../generators/contract.ts';
import type { TapeEvent } from '../../generators/event.ts';
import { STREAMS, type Stream } from '../../scenario/scenario.ts';
import { type BatchProducer, type Outgoing, partitionOf } from '../clients/kafka-producer.ts';
import { topicOf } from '../run-namespace.ts';
import { type EventFact, eventRow } from './event-facts.ts';
import { FactFile, threadFiles } from './fact-file.ts';
import type { LoadProgress } from './load-progress.ts';
import { sampleLoopDelay } from './loop-delay.ts';
import type { WorkerOptions, WorkerResult } from './messages.ts';
import { PACER_LIMITS, type Paced, Pacer, withFirstEvent } from './pacer.ts';
import { Tally } from './tally.ts';
import { targetOf } from './targets/targets.ts';

/**
 * Least time between two batches, ms: the linger of this producer. Without it each message would be a
 * request of its own, and the measured cost of the brokers would be the harness's. It counts as slip.
 */
const LINGER_MS = 20;
/** A batch of so many messages does not linger: at a high load the requests are few without it. */
const FULL_AT = 25;
/** Longest sleep, so that a cut or an abort is noticed soon, ms. */
const MAX_SLEEP_MS = 20;
/** Messages prepared before the event loop can serve the sockets again: half a millisecond. */
const MESSAGES_PER_SLICE = 32;
/** Sleep while enough is prepared, ms: a fraction of what is read ahead. */
const READ_AHEAD_EVERY_MS = 50;

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

/** A message with everything that does not depend on when it is sent. */
interface Prepared extends Paced, Outgoing {
  readonly fact: EventFact;
}

interface Waiter {
  readonly offsetMs: number;
  readonly resolve: () => void;
}

/** One producing thread's share of the load: its stores, its producer, its facts. */
export class ProducerWorker {
  readonly #tape: Omit<Tape, 'live'>;
  readonly #clock: Clock;
  readonly #producer: BatchProducer;
  readonly #events: FactFile;
  readonly #loopDelays: FactFile;
  readonly #loads: FactFile;
  readonly #stores: readonly number[];
  readonly #live: Iterable<TapeEvent>;
  readonly #keys = new Map<number, Pick<Outgoing, 'partition' | 'key'>>();
  readonly #topics: Readonly<Record<Stream, string>>;
  // The ids of a long run do not fit in memory: ingestFacts finds those that repeat.
  readonly #contract: Contract = contract(() => true);
  readonly #tally: Tally;
  readonly #stopSampling: () => void;
  #inFlight: readonly Prepared[] = [];
  #inFlightMs = 0;
  #pacer: Pacer<TapeEvent, Prepared> | undefined;
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
      client: data.scenario.stack.kafkaClient,
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
    this.#tape = tape;
    this.#clock = clock;
    this.#producer = producer;
    const paths = threadFiles(dir, worker);
    this.#events = new FactFile('events', paths.events);
    this.#loopDelays = new FactFile('loop_delay', paths.loop_delay);
    this.#loads = new FactFile('load', paths.load);
    this.#tally = new Tally(this.#loads, worker);
    this.#stores = tape.stores;
    this.#live = tape.live;
    for (const store of this.#stores) {
      const partition = partitionOf(store, scenario.stack.partitions);
      this.#keys.set(store, { partition, key: String(store) });
    }
    this.#topics = Object.fromEntries(
      STREAMS.map((stream) => [stream, topicOf(data.place, stream)]),
    ) as Record<Stream, string>;
    this.#stopSampling = sampleLoopDelay(clock, (atMs, delayMs) =>
      this.#loopDelays.append([atMs, worker, delayMs]),
    );
  }

  /** Sends the opening stock as fast as the target accepts it; resolves when all of it is acknowledged. */
  async preload(t0Ms: number): Promise<void> {
    this.#t0Ms = t0Ms;
    const pacer = new Pacer(this.#tape.preload(this.#stores), this.#prepare);
    while (this.#ending === undefined) {
      const batch = pacer.due(Number.POSITIVE_INFINITY);
      if (batch.length === 0) break;
      this.#preloaded += batch.length;
      const sent = this.#send(batch);
      // The next batch is prepared while the broker works.
      pacer.fill(Number.POSITIVE_INFINITY, PACER_LIMITS.batchCount);
      await sent;
    }
  }

  /** Starts the open loop. Calls `failed` if it ends by anything but finish or abort. */
  begin(t0Ms: number, failed: (cause: unknown) => void): void {
    this.#t0Ms = t0Ms;
    const pacer = new Pacer(this.#live, this.#prepare);
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

  /** Resolves once everything due before this offset has been acknowledged and is in the file of events. */
  async reach(offsetMs: number): Promise<void> {
    await new Promise<void>((resolve) => this.#waiters.push({ offsetMs, resolve }));
    if (this.#ending === undefined) await this.#events.written();
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
    for (const { fact } of this.#inFlight) {
      this.#events.append(eventRow(fact, this.#inFlightMs, null));
    }
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

  async #produce(pacer: Pacer<TapeEvent, Prepared>): Promise<void> {
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
      const fullMs = this.#t0Ms + (pacer.fullAtMs(FULL_AT) ?? Number.POSITIVE_INFINITY);
      const waitMs = Math.max(this.#t0Ms + dueMs, Math.min(lingerUntilMs, fullMs)) - nowMs;
      if (waitMs > 0) {
        await this.#clock.sleep(Math.min(waitMs, MAX_SLEEP_MS));
        continue;
      }
      lingerUntilMs = nowMs + LINGER_MS;
      await this.#send(pacer.due(nowMs - this.#t0Ms));
    }
  }

  /** Generates and encodes ahead of time, in slices, so that neither shows as slip. */
  async #readAhead(pacer: Pacer<TapeEvent, Prepared>): Promise<void> {
    while (this.#ending === undefined) {
      const more = pacer.fill(this.#clock.nowMs() - this.#t0Ms, MESSAGES_PER_SLICE);
      if (more) await yieldToEventLoop();
      else await this.#clock.sleep(READ_AHEAD_EVERY_MS);
    }
  }

  async #send(batch: readonly Prepared[]): Promise<void> {
    const sentMs = this.#clock.nowMs();
    const answered = this.#producer.send(batch, sentMs);
    this.#inFlight = batch;
    this.#inFlightMs = sentMs;
    this.#countHandedOver(batch, sentMs);
    const appended = await answered;
    // The abort has already written these rows as never acknowledged.
    if (this.#ending === 'abort') return;
    this.#inFlight = [];
    const ackedMs = this.#clock.nowMs();
    for (let i = 0; i < batch.length; i++) {
      const { fact } = batch[i] as Prepared;
      const answer = appended[i];
      if (answer === undefined) throw new Error(`message ${fact.id} got no answer`);
      const { offset, kafkaMs } = answer;
      this.#events.append(eventRow(fact, sentMs, { offset, kafkaMs, ackedMs }));
      this.#tally.count('acknowledged', fact.stream, ackedMs);
    }
    await this.#events.settle();
  }

  #countHandedOver(batch: readonly Prepared[], sentMs: number): void {
    for (const { fact } of batch) {
      const { stream, dueMs, role } = fact;
      this.#tally.count('scheduled', stream, dueMs);
      this.#tally.count('handedOver', stream, sentMs);
      this.#tally.count('bytes', stream, sentMs, fact.bytes);
      if (role !== 'preload') this.#slips.push(sentMs - dueMs);
    }
  }

  /**
   * Encodes a message and writes down what is known of it, so that its event need not be kept. CONTRACT sees the
   * messages in append order: those of one producer are appended in the order of its tape.
   */
  readonly #prepare = (event: TapeEvent): Prepared => {
    const { stream, store, truth } = event;
    const t0Ms = this.#t0Ms;
    const { partition, key } = this.#keys.get(store) as Pick<Outgoing, 'partition' | 'key'>;
    const value = this.#tape.encode(event, t0Ms);
    const fact: EventFact = {
      stream,
      id: event.id,
      store,
      row: truth.row,
      role: truth.role,
      fault: truth.fault,
      copyOf: truth.copyOf,
      labels: truth.labels,
      cents: truth.cents,
      occurredMs: t0Ms + event.occurredMs,
      claimedMs: t0Ms + event.claimedMs,
      dueMs: t0Ms + event.dueMs,
      part: partition,
      bytes: value.byteLength,
      expect: this.#contract(event),
    };
    return { dueMs: event.dueMs, topic: this.#topics[stream], partition, key, value, fact };
  };

  async #close(): Promise<WorkerResult> {
    this.#stopSampling();
    this.#tally.writeAll();
    const files = [this.#events, this.#loads, this.#loopDelays];
    await Promise.all(files.map((file) => file.close()));
    // Not awaited after an abort: a batch may still wait for its acknowledgement.
    if (this.#ending === 'finish') await this.#producer.close();
    return { totals: this.#tally.totals, files: files.map((file) => file.ref) };
  }
}
