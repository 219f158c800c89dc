import { random } from '../../core/random.ts';
import type { Faults } from '../../scenario/scenario.ts';
import { delayed, labelled, type TapeEvent } from '../event.ts';
import { CENTRE, type Device, SHOPPERS } from '../streams/devices.ts';
import type { World } from '../world/world.ts';
import { chosenStores } from './chosen.ts';

/** An original that waits, and whatever copies it has: due as if the uplink were there. */
interface Held {
  readonly original: TapeEvent;
  readonly copies: TapeEvent[];
}

/**
 * A store without uplink: what its devices have to say waits with each of them, and goes out when the
 * uplink is back, a stated number of events a second, the devices mixed at random and in order only per
 * device (an estimate after published limits: 50/s). What happens from then on goes out at once, so old row images come
 * after newer ones. The web shop and the distribution centre are elsewhere and send as ever.
 */
export class Offline {
  readonly #world: World;
  readonly #store: number;
  readonly #outage: Faults['offline'];
  readonly #queues = new Map<Device, Held[]>();
  #held: Device[] = [];

  constructor(world: World, store: number) {
    const { offline } = world.scenario.traffic.faults;
    this.#world = world;
    this.#store = store;
    this.#outage = offline !== null && offlineStores(world).has(store) ? offline : null;
  }

  /** Whether the store has no uplink then. */
  during(offsetMs: number): boolean {
    return duringOutage(this.#outage, offsetMs);
  }

  /** Whether what this device says now has to wait. */
  keeps(offsetMs: number, device: Device): boolean {
    return device !== SHOPPERS && device !== CENTRE && this.during(offsetMs);
  }

  /** Keeps a message until `release`: an original begins, its copies follow it. */
  keep(event: TapeEvent, device: Device): void {
    const queue = this.#queues.get(device) ?? [];
    this.#queues.set(device, queue);
    if (event.truth.role === 'copy') {
      queue.at(-1)?.copies.push(event);
      return;
    }
    queue.push({ original: event, copies: [] });
    this.#held.push(device);
  }

  /** Hands out what was kept, once nothing happens before the end of the outage any more. */
  release(nowMs: number, out: (event: TapeEvent) => void): void {
    const outage = this.#outage;
    if (outage === null || this.#held.length === 0) return;
    const endMs = outage.atMs + outage.forMs;
    if (nowMs < endMs) return;
    // Whose turn it is.
    const turns = random(this.#world.scenario.seed, 'offline', this.#store).shuffled(this.#held);
    turns.forEach((device, position) => {
      const held = this.#queues.get(device)?.shift();
      if (held === undefined) throw new Error(`device ${device} has a turn and nothing to send`);
      const dueMs = endMs + Math.floor((position * 1_000) / outage.replayPerSecond);
      const waitedMs = dueMs - held.original.dueMs;
      out(labelled(delayed(held.original, waitedMs), 'offline'));
      for (const copy of held.copies) out(delayed(copy, waitedMs));
    });
    this.#held = [];
  }
}

/** Whether the stores it befalls have no uplink then. */
export function duringOutage(outage: Faults['offline'], offsetMs: number): boolean {
  return outage !== null && offsetMs >= outage.atMs && offsetMs < outage.atMs + outage.forMs;
}

/** The stores that an outage befalls. */
export function offlineStores(world: World): ReadonlySet<number> {
  return chosenStores(world, 'offline', world.scenario.traffic.faults.offline?.stores ?? 0);
}
