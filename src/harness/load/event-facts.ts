import type { Expect } from '../../generators/contract.ts';
import type { Fault, Truth } from '../../generators/event.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { Appended } from '../clients/kafka-producer.ts';
import { csvLine } from './fact-file.ts';

/** A message that was handed to the producer. With the broker's acknowledgement it is a row of `events`. */
export interface SentMessage {
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
  readonly sentMs: number;
  readonly part: number;
  readonly bytes: number;
  readonly expect: Expect;
}

/** The row of `events` for a message; `answer` is null if the broker never acknowledged it. */
export function eventLine(
  handed: SentMessage,
  answer: (Appended & { ackedMs: number }) | null,
): string {
  const { row, fault } = handed;
  return csvLine([
    handed.stream,
    handed.id,
    handed.store,
    row?.sku ?? null,
    row?.version ?? null,
    row?.onHand ?? null,
    row?.available ?? null,
    row?.deleted ?? null,
    handed.role,
    fault?.kind ?? null,
    fault?.how ?? null,
    handed.copyOf,
    handed.labels.length === 0 ? null : handed.labels.join('+'),
    handed.cents,
    handed.occurredMs,
    handed.claimedMs,
    handed.dueMs,
    handed.sentMs,
    answer?.ackedMs ?? null,
    answer?.kafkaMs ?? null,
    handed.part,
    answer?.offset ?? null,
    handed.bytes,
    handed.expect,
  ]);
}
