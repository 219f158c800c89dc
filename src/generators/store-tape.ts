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

/** Order of streams within a millisecond of a store: causes before their row images. */
const PLACE = { pos: 0, wms: 1, cart: 2, loyalty: 3, inventory: 4 } as const;

interface Waiting {
  readonly event: TapeEvent;
  readonly n: number;
}

function before(a: Waiting, b: Waiting): boolean {
  if (a.event.dueMs !== b.event.dueMs) return a.event.dueMs < b.event.dueMs;
  const place = PLACE[a.event.stream] - PLACE[b.event.stream];
  return place === 0 ? a.n < b.n : place < 0;
}

/**
 * The tape of one store, in order of (dueMs, stream, sequence). It runs the store just as far as the
 * next event needs: nothing that has yet to happen can be due before it.
 */
export class StoreTape {
  readonly store: number;
  readonly #simulation: StoreSimulation;
  readonly #way: DeliveryChannel;
  readonly #connector: Connector;
  readonly #waiting = new Heap<Waiting>(before);
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
    const waiting = this.#waiting.pop();
    if (waiting === undefined) throw new Error(`store ${this.store} has no next event`);
    this.#connector.sent(waiting.event);
    return waiting.event;
  }

  /** Runs the store until the first that waits can have nothing before it; when that is due. */
  #runAhead(): number {
    while (true) {
      const { nextMs } = this.#simulation;
      this.#way.upTo(nextMs);
      const dueMs = this.#waiting.peek()?.event.dueMs ?? Number.POSITIVE_INFINITY;
      if (nextMs === Number.POSITIVE_INFINITY || dueMs < nextMs) return dueMs;
      this.#simulation.step();
    }
  }

  #queue(event: TapeEvent): void {
    this.#waiting.push({ event, n: this.#n++ });
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
