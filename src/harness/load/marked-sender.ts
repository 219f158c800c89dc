import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { type Scenario, STREAMS, type Stream } from '../../scenario/scenario.ts';
import { type BatchProducer, partitionOf } from '../clients/kafka-producer.ts';
import { type RunNamespace, topicOf } from '../run-namespace.ts';
import { type EventFact, eventRow } from './event-facts.ts';
import { FactFile, type FactFileRef } from './fact-file.ts';
import { badMarker, canaryMark, goodMarker, type Marked } from './marker.ts';
import type { TargetAddress } from './targets/target.ts';
import { targetOf } from './targets/targets.ts';

/** A marked record that the broker acknowledged. Times are epoch ms. */
export interface SentMark {
  readonly stream: Stream;
  readonly eventId: string;
  readonly storeId: number;
  /** null if the record is no image of a row. */
  readonly skuId: number | null;
  readonly version: number | null;
  readonly part: number;
  readonly offset: number;
  /** Intended send time, from which its staleness counts. */
  readonly dueMs: number;
  readonly sentMs: number;
  readonly kafkaMs: number;
  readonly ackedMs: number;
}

/** The pair that marks one partition: `good` shows in the stream's table, `bad` among the dead letters. */
export interface Marker {
  readonly good: SentMark;
  readonly bad: SentMark;
}

/** The streams a scenario has traffic for: one topic each. */
function streamsOf(scenario: Scenario): readonly Stream[] {
  return STREAMS.filter((stream) => scenario.traffic[stream] !== null);
}

type ToSend = EventFact & { readonly value: Uint8Array };

/**
 * Sends the harness's own records, drain markers and canaries, through a separate producer, one batch
 * at a time, and writes them into the facts with their own roles.
 */
export class MarkedSender {
  readonly #scenario: Scenario;
  readonly #place: RunNamespace;
  readonly #runId: string;
  readonly #clock: Clock;
  readonly #producer: BatchProducer;
  readonly #file: FactFile;
  #last: Promise<unknown> = Promise.resolve();
  #inFlight: readonly EventFact[] = [];
  #inFlightMs = 0;
  #aborted = false;
  #canaries = 0;

  static async open(options: {
    readonly scenario: Scenario;
    readonly place: RunNamespace;
    readonly target: TargetAddress;
    readonly runId: string;
    readonly dir: string;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly onWarning: (line: string) => void;
  }): Promise<MarkedSender> {
    const { scenario, target, signal, onWarning } = options;
    const producer = await targetOf(target).openProducer(target, {
      client: scenario.stack.kafkaClient,
      clientId: 'doorbuster-marks',
      signal,
      onWarning,
    });
    return new MarkedSender({ ...options, producer });
  }

  private constructor(options: {
    readonly scenario: Scenario;
    readonly place: RunNamespace;
    readonly runId: string;
    readonly dir: string;
    readonly clock: Clock;
    readonly producer: BatchProducer;
  }) {
    this.#scenario = options.scenario;
    this.#place = options.place;
    this.#runId = options.runId;
    this.#clock = options.clock;
    this.#producer = options.producer;
    this.#file = new FactFile('events', join(options.dir, 'events-marked.csv'));
  }

  /** One pair to every partition of every topic in use. */
  async markers(round: number): Promise<readonly Marker[]> {
    const { partitions } = this.#scenario.stack;
    const atMs = this.#clock.nowMs();
    const pairs = streamsOf(this.#scenario).flatMap((stream) =>
      Array.from({ length: partitions }, (_, part) => {
        const place = { runId: this.#runId, round, stream, part, partitions };
        return [
          { ...messageOf(goodMarker(place, atMs), 'marker', part), expect: 'row' as const },
          {
            ...messageOf(badMarker(place, atMs), 'marker', part),
            fault: { kind: 'malformed' as const, how: 'truncated' as const },
            expect: 'dead_letter' as const,
          },
        ];
      }),
    );
    const sent = await this.#send(pairs.flat());
    return pairs.map((_, i) => ({
      good: sent[2 * i] as SentMark,
      bad: sent[2 * i + 1] as SentMark,
    }));
  }

  /**
   * Sends one row image of a reserved SKU in a real store; stores take turns and versions increase.
   * `dueMs` (epoch) is the intended send time.
   */
  async canary(dueMs: number): Promise<SentMark> {
    const number = this.#canaries++;
    const store = 1 + (number % this.#scenario.retail.stores);
    const mark = canaryMark({ store, canary: 0 }, number + 1, dueMs);
    const part = partitionOf(store, this.#scenario.stack.partitions);
    const [sent] = await this.#send([{ ...messageOf(mark, 'canary', part), expect: 'row' }]);
    return sent as SentMark;
  }

  /** Waits for the last acknowledgement first. */
  async close(): Promise<FactFileRef> {
    await this.#last;
    await this.#file.close();
    await this.#producer.close();
    return this.#file.ref;
  }

  /** Closes at once: records in flight are written as never acknowledged. */
  async abort(): Promise<FactFileRef> {
    this.#aborted = true;
    for (const mark of this.#inFlight) this.#file.append(eventRow(mark, this.#inFlightMs, null));
    this.#inFlight = [];
    // A write error may be the reason for the abort: the rows before it are still worth loading.
    await this.#file.close().catch(() => undefined);
    // Not awaited: disconnecting waits for answers that may never come.
    this.#producer.close().catch(() => undefined);
    return this.#file.ref;
  }

  #send(batch: readonly ToSend[]): Promise<readonly SentMark[]> {
    const sent = this.#last.then(() => this.#sendNow(batch));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  async #sendNow(batch: readonly ToSend[]): Promise<readonly SentMark[]> {
    if (this.#aborted) throw new Error('the load was aborted');
    const sentMs = this.#clock.nowMs();
    const outgoing = batch.map(({ stream, part, store, value }) => ({
      topic: topicOf(this.#place, stream),
      partition: part,
      key: String(store),
      value,
    }));
    this.#inFlight = batch;
    this.#inFlightMs = sentMs;
    const appended = await this.#producer.send(outgoing, sentMs);
    if (this.#aborted) throw new Error('the load was aborted');
    this.#inFlight = [];
    const ackedMs = this.#clock.nowMs();
    return batch.map((mark, i) => {
      const { offset, kafkaMs } = appended[i] as (typeof appended)[number];
      this.#file.append(eventRow(mark, sentMs, { offset, kafkaMs, ackedMs }));
      return {
        stream: mark.stream,
        eventId: mark.id,
        storeId: mark.store,
        skuId: mark.row?.sku ?? null,
        version: mark.row?.version ?? null,
        part: mark.part,
        offset,
        dueMs: mark.dueMs,
        sentMs,
        kafkaMs,
        ackedMs,
      };
    });
  }
}

function messageOf(mark: Marked, role: 'marker' | 'canary', part: number) {
  const { stream, id, store, row, atMs, value } = mark;
  const times = { occurredMs: atMs, claimedMs: atMs, dueMs: atMs };
  const truth = { row, role, fault: null, copyOf: null, labels: [], cents: null };
  return { stream, id, store, ...truth, ...times, part, bytes: value.byteLength, value };
}
