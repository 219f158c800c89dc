import type { Expect } from '../../generators/contract.ts';
import type { Fault, Truth } from '../../generators/event.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { Appended } from '../clients/kafka-producer.ts';
import type { CsvValue } from './csv.ts';

/** What is known of a message before it is handed over. With the stamps of sending it is a row of `events`. */
export interface EventFact {
  readonly stream: Stream;
  readonly id: string;
  readonly store: number;
  readonly row: Truth['row'];
  readonly role: Truth['role'] | 'marker' | 'canary';
  readonly fault: Fault | null;
  readonly copyOf: string | null;
  readonly labels: Truth['labels'];
  readonly cents: Truth['cents'];
  /** Epoch ms. */
  readonly occurredMs: number;
  readonly claimedMs: number;
  readonly dueMs: number;
  readonly part: number;
  readonly bytes: number;
  readonly expect: Expect;
}

/** The acknowledgement of a message: the broker's answer, and when it arrived (epoch ms). */
type Acknowledged = Appended & { readonly ackedMs: number };

/**
 * The row of `events` for a message that was handed to the producer at `sentMs` (epoch); `answer` is null if the broker
 * never acknowledged it.
 */
export function eventRow(
  fact: EventFact,
  sentMs: number,
  answer: Acknowledged | null,
): readonly CsvValue[] {
  const { row, fault } = fact;
  return [
    fact.stream,
    fact.id,
    fact.store,
    row === null ? null : row.sku,
    row === null ? null : row.version,
    row === null ? null : row.onHand,
    row === null ? null : row.available,
    row === null ? null : row.deleted,
    fact.role,
    fault === null ? null : fault.kind,
    fault === null ? null : fault.how,
    fact.copyOf,
    fact.labels.length === 0 ? null : fact.labels.join('+'),
    fact.cents,
    fact.occurredMs,
    fact.claimedMs,
    fact.dueMs,
    sentMs,
    answer === null ? null : answer.ackedMs,
    answer === null ? null : answer.kafkaMs,
    fact.part,
    answer === null ? null : answer.offset,
    fact.bytes,
    fact.expect,
  ];
}
