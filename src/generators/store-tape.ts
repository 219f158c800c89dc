import type { TapeEvent } from './event.ts';
import { DeliveryChannel } from './faults/delivery-channel.ts';
import { Offline } from './faults/offline.ts';
import { Connector } from './faults/redelivery.ts';
import { Heap } from './heap.ts';
import { startCart } from './streams/cart.ts';
import type { Device } from './streams/devices.ts';
import { startLoyalty } from './streams/loyalty.ts';
import { startPos } from './streams/pos.ts';
import { StoreSimulation } from './streams/store-simulation.ts';
import { startWms } from './streams/wms.ts';
import type { World } from './world/world.ts';

/** More than a store ever has events; times the largest place it is still a whole number. */
const EVENTS = 0x1_0000_0000_0000;
/** Order of streams within a millisecond of a store: causes before their row images. */
const PLACE = {
  pos: 0,
  wms: EVENTS,
  cart: 2 * EVENTS,
  loyalty: 3 * EVENTS,
  inventory: 4 * EVENTS,
} as const;

/**
 * The tape of one store, in order of (dueMs, stream, sequence). It runs the store just as far as the
 * next event needs: nothing that has yet to happen can be due before it.
 */
export class StoreTape {
  readonly store: number;
  readonly #simulation: StoreSimulation;
  readonly #way: DeliveryChannel;
  readonly #connector: Connector;
  readonly #waiting = new Heap<TapeEvent>();
  #n = 0;

  constructor(world: World, store: number) {
    this.store = store;
    const offline = new Offline(world, store);
    this.#way = new DeliveryChannel(world, store, offline, (event) => this.#queue(event));
    this.#connector = new Connector(world, store, offline);
    const take = (event: TapeEvent, device: Device) => this.#way.take(event, device);
    this.#simulation = new StoreSimulation(world, store, take);
    open(this.#simulation);
  }

  /** When the next event is due; infinite when there is none. */
  get nextDueMs(): number {
    while (true) {
      const dueMs = this.#runAhead();
      const { crashMs } = this.#connector;
      if (dueMs === Number.POSITIVE_INFINITY || dueMs < crashMs) return dueMs;
      // All that was sent before the crash is known, and what it brings back comes before the rest.
      for (const event of this.#connector.crash()) this.#queue(event);
    }
  }

  /** The next event; only after `nextDueMs` was finite. */
  next(): TapeEvent {
    const event = this.#waiting.pop();
    if (event === undefined) throw new Error(`store ${this.store} has no next event`);
    this.#connector.sent(event);
    return event;
  }

  /** Runs the store until the first that waits can have nothing before it; when that is due. */
  #runAhead(): number {
    while (true) {
      const { nextMs } = this.#simulation;
      this.#way.upTo(nextMs);
      const dueMs = this.#waiting.nextAt;
      if (nextMs === Number.POSITIVE_INFINITY || dueMs < nextMs) return dueMs;
      this.#simulation.step();
    }
  }

  #queue(event: TapeEvent): void {
    this.#waiting.push(event.dueMs, PLACE[event.stream] + this.#n++, event);
  }
}

/** Opens the store: who hears of what. */
export function open(simulation: StoreSimulation): void {
  const warehouse = startWms(simulation);
  const earn = startLoyalty(simulation);
  startPos(simulation, (receipt, atMs) => {
    for (const { rank, quantity } of receipt.lines) {
      if (quantity > 0) {
        simulation.move(rank, atMs, { onHand: -quantity });
        warehouse.sold(rank, quantity, atMs);
      } else if (quantity < 0) {
        // What is brought back is in the store again, and not for sale before its inspection.
        simulation.move(rank, atMs, { onHand: -quantity, unavailable: -quantity });
        warehouse.returned(rank, -quantity, receipt.id, atMs);
      }
    }
    earn(receipt, atMs);
  });
  startCart(simulation, (order, atMs) => warehouse.ordered(order, atMs));
}
