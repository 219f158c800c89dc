import { power } from '../../core/power.ts';
import type { Random } from '../../core/random.ts';
import {
  DUPLICATE_KINDS,
  type DuplicateKind,
  type Faults,
  MALFORMED_KINDS,
  type MalformedKind,
  type Scenario,
  type Stream,
} from '../../scenario/scenario.ts';
import { copyOf, type TapeEvent, type Truth } from '../event.ts';
import { perStream } from './per-stream.ts';

/** Copies of a duplicated event: 1 + Geom(0.8), at most 8. */
const MORE_COPIES_P = 0.8;
export const MAX_COPIES = 8;

/**
 * Duplicates and damage, as a transform of the store's events: each original goes in as due at once, and it
 * and its copies come out, labelled in their truth.
 *
 * Duplicates: `identical` is sent again as it was; `new_id` under a new event id; `changed_payload`
 * under its id with another amount. `constant_id` is no copy: a broken client stamps the event itself
 * with the one id it gives to all of its events (one per store and stream), so any deduplication by id
 * keeps the first of them and drops real events. Copies are due after their original.
 *
 * Malformed: an extra copy that no parser can read (`replace`: the event itself); see damage.ts.
 *
 * The rare replay hours later, 2 % of duplicates in the field, lies beyond the end of a run and is left out.
 */
export class FaultInjector {
  readonly #faults: Faults;
  readonly #store: number;
  readonly #randomOf: (stream: Stream) => Random;
  readonly #duplicateShares: readonly number[];
  readonly #malformedShares: readonly number[];

  constructor(scenario: Scenario, store: number) {
    const { faults } = scenario.traffic;
    this.#faults = faults;
    this.#store = store;
    this.#randomOf = perStream(scenario.seed, 'faults', store);
    this.#duplicateShares = DUPLICATE_KINDS.map((kind) => faults.duplicates?.kinds[kind] ?? 0);
    this.#malformedShares = MALFORMED_KINDS.map((kind) => faults.malformed?.kinds[kind] ?? 0);
  }

  /** Hands `original` and its copies to `out`. */
  inject(original: TapeEvent, out: (event: TapeEvent) => void): void {
    const { duplicates, malformed } = this.#faults;
    if (duplicates === null && malformed === null) {
      out(original);
      return;
    }
    const own = this.#randomOf(original.stream);
    const doubled = duplicates !== null && own.chance(duplicates.rate);
    const damaged = malformed !== null && own.chance(malformed.rate);
    if (!doubled && !damaged) {
      out(original);
      return;
    }

    const how = damaged ? (MALFORMED_KINDS[own.weighted(this.#malformedShares)] ?? null) : null;
    const kind = doubled ? (DUPLICATE_KINDS[own.weighted(this.#duplicateShares)] ?? null) : null;
    // One fault per event, so that its effect on the business is known: damage goes first.
    const again = how !== null && malformed?.replace ? null : kind;
    let sent = original;
    if (how !== null && malformed?.replace) {
      sent = withTruth(original, { fault: { kind: 'malformed', how } });
    } else if (again === 'constant_id') {
      sent = {
        ...withTruth(original, { fault: { kind: 'duplicate', how: again } }),
        id: `${original.stream}-${this.#store}-constant`,
      };
    }
    out(sent);
    if (how !== null && !malformed?.replace) this.#damagedCopy(sent, how, own, out);
    if (again !== null && again !== 'constant_id') this.#copies(original, again, own, out);
  }

  #damagedCopy(
    original: TapeEvent,
    how: MalformedKind,
    own: Random,
    out: (event: TapeEvent) => void,
  ): void {
    const dueMs = original.dueMs + this.#retryDelay(0, own);
    out(copyOf(original, { kind: 'malformed', how }, dueMs));
  }

  #copies(
    original: TapeEvent,
    how: DuplicateKind,
    own: Random,
    out: (event: TapeEvent) => void,
  ): void {
    const count = Math.min(MAX_COPIES, 1 + own.geometric(MORE_COPIES_P));
    let dueMs = original.dueMs;
    for (let k = 0; k < count; k++) {
      dueMs += this.#retryDelay(k, own);
      const copy = copyOf(original, { kind: 'duplicate', how }, dueMs);
      if (how === 'new_id') out({ ...copy, id: `${original.id}-again-${k + 1}` });
      else if (how === 'changed_payload') out(changed(copy));
      else out(copy);
    }
  }

  /** min(delay x 2^k, delayMax) x U(0.5, 1.5), whole ms, at least 1. */
  #retryDelay(k: number, own: Random): number {
    const { delayMs, delayMaxMs } = this.#faults.duplicates ?? {
      delayMs: 1_000,
      delayMaxMs: 60_000,
    };
    return Math.max(1, Math.round(Math.min(delayMs * (1 << k), delayMaxMs) * (0.5 + own.next())));
  }
}

function withTruth(event: TapeEvent, truth: Partial<Truth>): TapeEvent {
  return { ...event, truth: { ...event.truth, ...truth } };
}

/** The same event with another amount in it: what a price override or a lost update looks like. */
function changed(copy: TapeEvent): TapeEvent {
  switch (copy.stream) {
    case 'pos': {
      const { total_cents, discount_cents } = copy.body;
      const off = { discount_cents: discount_cents + 100, total_cents: total_cents - 100 };
      return { ...copy, body: { ...copy.body, ...off } };
    }
    case 'wms':
      return { ...copy, body: { ...copy.body, quantity: copy.body.quantity + 1 } };
    case 'cart':
      return { ...copy, body: { ...copy.body, value_cents: copy.body.value_cents + 100 } };
    case 'loyalty':
      return { ...copy, body: { ...copy.body, points: copy.body.points + 1 } };
    case 'inventory': {
      const { truth, body } = copy;
      const { after } = body;
      const row =
        truth.row === null
          ? null
          : {
              ...truth.row,
              onHand: truth.row.onHand + 1,
              available: truth.row.available + 1,
            };
      const image = { ...after, on_hand: after.on_hand + 1, available: after.available + 1 };
      return { ...copy, truth: { ...truth, row }, body: { ...body, after: image } };
    }
  }
}

/** Messages per event, copies included: the mean of what `inject` hands out. */
export function messagesPerEvent({ duplicates, malformed }: Faults): number {
  const copies = (1 - power(1 - MORE_COPIES_P, MAX_COPIES)) / MORE_COPIES_P;
  const again = duplicates === null ? 0 : duplicates.rate * (1 - duplicates.kinds.constant_id);
  if (malformed === null) return 1 + again * copies;
  const damaged = malformed.replace ? 0 : malformed.rate;
  return 1 + damaged + again * copies * (malformed.replace ? 1 - malformed.rate : 1);
}
