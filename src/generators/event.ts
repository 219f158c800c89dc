import {
  type DuplicateKind,
  LABELS,
  type Label,
  type MalformedKind,
  type Scenario,
  type Stream,
} from '../scenario/scenario.ts';

/** One line of a receipt, as it is on the wire. */
export type PosLine = {
  readonly line_no: number;
  readonly sku_id: number;
  readonly quantity: number;
  readonly unit_price_cents: number;
  readonly extended_cents: number;
};

/** A row of the stock, as its image says it. */
export type Image = {
  readonly sku_id: number;
  readonly on_hand: number;
  readonly committed: number;
  readonly unavailable: number;
  readonly available: number;
  readonly version: number;
  readonly deleted: boolean;
};

/** The payload of each stream, without id, store and stamps: see encode.ts for what is added. */
export interface Bodies {
  readonly pos: {
    readonly event_type: string;
    readonly transaction_id: string;
    readonly terminal_id: number;
    readonly sequence_number: number;
    readonly business_day: string;
    readonly local_time: string;
    readonly type: string;
    readonly training: boolean;
    /** The receipt that a return undoes. */
    readonly return_of: string | null;
    readonly customer_id: string | null;
    readonly payment_method: string;
    readonly currency: string;
    readonly total_cents: number;
    readonly discount_cents: number;
    readonly tax_cents: number;
    readonly lines: readonly PosLine[];
  };
  readonly wms: {
    readonly event_type: string;
    readonly sku_id: number;
    /** Units handled; `quantity`, `committed` and `unavailable` are what that does to the stock, with a sign. */
    readonly units: number;
    readonly quantity: number;
    readonly committed: number;
    readonly unavailable: number;
    readonly biz_step: string;
    readonly disposition: string;
    readonly reason: string | null;
    readonly location: string;
    readonly reference: string | null;
  };
  readonly cart: {
    readonly event_type: string;
    readonly session_id: string;
    readonly event_name: string;
    readonly device: string;
    readonly is_bot: boolean;
    readonly items: readonly {
      readonly sku_id: number;
      readonly quantity: number;
      readonly price_cents: number;
    }[];
    readonly order_id: string | null;
    readonly value_cents: number;
    readonly fulfilment: string | null;
  };
  readonly loyalty: {
    readonly event_type: string;
    readonly member_id: string;
    readonly points: number;
    readonly kind: string;
    readonly tier: string;
    readonly reference: string;
  };
  /** The row before and after, and what a change-data-capture connector calls the change. */
  readonly inventory: {
    readonly op: string;
    readonly before: Image | null;
    readonly after: Image;
  };
}

/**
 * One message of the tape: a pure function of (seed, store, stream, sequence). Times are offsets
 * from t0 in integer milliseconds; wall stamps are added by `encode` when t0 is known.
 */
export type TapeEvent = EventOf<Stream>;

/** A message of one of these streams. */
export type EventOf<S extends Stream> = {
  [K in S]: Sent & { readonly stream: K; readonly body: Bodies[K] };
}[S];

/** What a message of any stream has. */
interface Sent {
  /** 1-based store number; the Kafka key, so that one store is one partition and one worker. */
  readonly store: number;
  /** The event_id on the wire (a copy has its original's, unless its fault says otherwise). */
  readonly id: string;
  /** When it truly happened. Negative for preloaded stock, which is older than t0. */
  readonly occurredMs: number;
  /** What its terminal's clock said then: the event_ts on the wire, which may be wrong. */
  readonly claimedMs: number;
  /** Intended send: occurredMs plus the simulated transport delay; for a copy, its retry time. */
  readonly dueMs: number;
  readonly truth: Truth;
}

/** The side channel: what the wire does not say. */
export interface Truth {
  /** `preload` is opening stock: outside staleness, inside CONTRACT and BOOK. */
  readonly role: 'original' | 'copy' | 'preload';
  readonly fault: Fault | null;
  /** For a copy: the id of its original. */
  readonly copyOf: string | null;
  /** For the inventory stream (copies too): the row on the wire. */
  readonly row: RowTruth | null;
  /** What else was unusual about it or about how it travelled, in the order of LABELS. */
  readonly labels: readonly Label[];
  /** pos: what it adds to the takings when read rightly, cents (a copy: as its original); else null. */
  readonly cents: number | null;
}

/** A stock row as its image says it. */
export interface RowTruth {
  readonly sku: number;
  readonly version: number;
  readonly onHand: number;
  readonly available: number;
  readonly deleted: boolean;
}

/**
 * A duplicate is a copy, but for `constant_id`: that is an original which a broken client stamped with
 * the one id it gives everything (per store and stream). A malformed one is an extra, damaged copy, or
 * with `replace` the original itself. A re-delivery is what a connector sends again after it crashed: rows
 * as they were, in their old order, after newer ones.
 */
export type Fault =
  | { readonly kind: 'duplicate'; readonly how: DuplicateKind }
  | { readonly kind: 'malformed'; readonly how: MalformedKind }
  | { readonly kind: 'redelivery'; readonly how: 'connector' };

/** The same message, due later. */
export function delayed(event: TapeEvent, ms: number): TapeEvent {
  return ms === 0 ? event : { ...event, dueMs: event.dueMs + ms };
}

/** The same event, with one more label. */
export function labelled(event: TapeEvent, label: Label): TapeEvent {
  const { truth } = event;
  return { ...event, truth: { ...truth, labels: inOrder([...truth.labels, label]) } };
}

/** Labels in the order of LABELS. */
function inOrder(labels: readonly Label[]): readonly Label[] {
  return labels.length < 2 ? labels : LABELS.filter((label) => labels.includes(label));
}

/** Labels of a message rather than of its event: a copy is late or waits by itself, or does not. */
const OF_THE_MESSAGE: readonly Label[] = ['late', 'offline'];

/** The same event once more, because of a fault. */
export function copyOf(original: TapeEvent, fault: Fault, dueMs: number): TapeEvent {
  const { truth, id } = original;
  const labels = truth.labels.filter((label) => !OF_THE_MESSAGE.includes(label));
  return { ...original, dueMs, truth: { ...truth, role: 'copy', fault, copyOf: id, labels } };
}

/**
 * The tape of some stores, in order of (dueMs, store, stream, sequence), without end: after the last timed phase the
 * load goes on at 1x, and the reader decides where to stop. Cheap to construct for any subset of
 * stores, and the subset changes no byte of any event.
 */
export type TapeOf = (scenario: Scenario, stores: readonly number[]) => Iterable<TapeEvent>;

/** Opening stock of some stores, store by store (role `preload`), before t0. */
export type PreloadOf = (scenario: Scenario, stores: readonly number[]) => Iterable<TapeEvent>;

/** The Kafka value: JSON with `event_ts`, `occurred_ms` and `due_ms` as epoch ms, damaged if the truth says so. */
export type Encode = (event: TapeEvent, t0Ms: number) => Uint8Array;

/** SKUs from here on are canaries of the harness: no generator uses them and every query leaves them out. */
export const FIRST_CANARY_SKU = 9_000_001;
/** Store number of drain markers: no real store has it and every query leaves it out. */
export const MARKER_STORE = 0;
