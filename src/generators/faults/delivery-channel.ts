import { delayed, labelled, type TapeEvent } from '../event.ts';
import type { Device } from '../streams/devices.ts';
import type { World } from '../world/world.ts';
import { DeviceClocks } from './clocks.ts';
import { FaultInjector } from './copies.ts';
import { SchemaDrift } from './drift.ts';
import type { Offline } from './offline.ts';
import { LATE_MS, Transport } from './transport.ts';

/**
 * The way of a store's events to Kafka: what happens goes in as it happens, and what comes out is a
 * message with its intended send, or several. Each step draws from randomness of its own, so that one more
 * fault changes nothing of another. Nothing comes out that is due before what went in last happened, which is
 * what the order of the tape rests on.
 */
export class DeliveryChannel {
  readonly #clocks: DeviceClocks;
  readonly #drift: SchemaDrift;
  readonly #copies: FaultInjector;
  readonly #transport: Transport;
  readonly #offline: Offline;
  readonly #out: (event: TapeEvent) => void;

  constructor(world: World, store: number, offline: Offline, out: (event: TapeEvent) => void) {
    this.#drift = new SchemaDrift(world, store);
    this.#clocks = new DeviceClocks(world, store);
    this.#copies = new FaultInjector(world.scenario, store);
    this.#transport = new Transport(world.scenario, store);
    this.#offline = offline;
    this.#out = out;
  }

  /** Takes what has just happened: an original, due at once. */
  take(event: TapeEvent, device: Device): void {
    const stamped = this.#drift.drifted(this.#clocks.stamped(event, device));
    const delayMs = this.#transport.drawMs(event.stream);
    if (this.#offline.keeps(event.occurredMs, device)) {
      this.#copies.inject(stamped, (message) => this.#offline.keep(message, device));
    } else if (delayMs === 0) {
      this.#copies.inject(stamped, this.#out);
    } else {
      this.#copies.inject(stamped, (message) => this.#arrive(message, delayMs));
    }
  }

  #arrive(message: TapeEvent, delayMs: number): void {
    const arrived = delayed(message, delayMs);
    const late = delayMs > LATE_MS && message.truth.role === 'original';
    this.#out(late ? labelled(arrived, 'late') : arrived);
  }

  /** Nothing that is yet to happen happens before `nowMs`. */
  upTo(nowMs: number): void {
    this.#offline.release(nowMs, this.#out);
  }
}
