import type { Faults } from '../../scenario/scenario.ts';
import { copyOf, type TapeEvent } from '../event.ts';
import { fixedUniform, storeHash, type World } from '../world/world.ts';
import type { Offline } from './offline.ts';

/**
 * A store's inventory connector, which crashes every so often and, not knowing how far it had come, sends its last
 * row images again: as they were, in their old order, after newer ones (known of change-data-capture
 * connectors; how often is an estimate). Without an uplink it has nothing to send again.
 */
export class Connector {
  readonly #redelivery: Faults['redelivery'];
  readonly #offline: Offline;
  readonly #sent: TapeEvent[] = [];
  #crashMs: number;

  constructor(world: World, store: number, offline: Offline) {
    this.#redelivery = world.scenario.traffic.faults.redelivery;
    this.#offline = offline;
    this.#crashMs =
      this.#redelivery === null
        ? Number.POSITIVE_INFINITY
        : firstCrashMs(world, store, this.#redelivery.everyMs);
  }

  /** When it crashes next; infinite when it never does. */
  get crashMs(): number {
    return this.#crashMs;
  }

  /** Notes what went out, in the order in which it does. */
  sent(event: TapeEvent): void {
    if (this.#redelivery === null || event.stream !== 'inventory') return;
    // A damaged record was never a row image, and what is sent again is no news.
    if (event.truth.role !== 'original' || event.truth.fault?.kind === 'malformed') return;
    this.#sent.push(event);
    if (this.#sent.length > this.#redelivery.last) this.#sent.shift();
  }

  /** Crashes: what it sends again then. */
  crash(): readonly TapeEvent[] {
    const dueMs = this.#crashMs;
    this.#crashMs += this.#redelivery?.everyMs ?? Number.POSITIVE_INFINITY;
    if (this.#offline.during(dueMs)) return [];
    return this.#sent.map((event) =>
      copyOf(event, { kind: 'redelivery', how: 'connector' }, dueMs),
    );
  }
}

/** Stores take turns: each has a phase of its own. */
export function firstCrashMs(world: World, store: number, everyMs: number): number {
  return 1 + Math.floor(fixedUniform(storeHash(world, store, 'crashes'), 0) * everyMs);
}
