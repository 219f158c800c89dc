import type { Scenario } from '../../scenario/scenario.ts';
import type { TapeEvent } from '../event.ts';
import { FaultInjector } from './copies.ts';
import { Transport } from './transport.ts';

/**
 * The way of a store's events to Kafka: what the store sends goes in as it happens, and what comes out
 * is due when it is sent, with its copies. Nothing comes out that is due before the event that went in last
 * happened, which is what the order of the tape rests on.
 */
export class Way {
  readonly #transport: Transport;
  readonly #copies: FaultInjector;
  readonly #out: (event: TapeEvent) => void;

  constructor(scenario: Scenario, store: number, out: (event: TapeEvent) => void) {
    this.#transport = new Transport(scenario, store);
    this.#copies = new FaultInjector(scenario, store);
    this.#out = out;
  }

  /** Takes what has just happened: an original, due at once. */
  take(event: TapeEvent): void {
    this.#copies.inject(this.#transport.delayed(event), this.#out);
  }
}
