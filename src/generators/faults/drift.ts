import { labelled, type TapeEvent } from '../event.ts';
import { fixedUniform, storeHash, type World } from '../world/world.ts';
import { chosenStores } from './chosen.ts';

/**
 * A new version of the store's software, rolled out store by store: with it every stream has one more
 * field and says schema_version 2 (a row image has no version of its schema), and in some stores integers
 * become text (estimates: one added field per run, one widened type in 10 % of stores). An event is of
 * the version that its store had when it happened, whenever it is sent; encode.ts writes it so.
 */
export class SchemaDrift {
  readonly #fromMs: number;
  readonly #added: boolean;
  readonly #widened: boolean;

  constructor(world: World, store: number) {
    const drift = world.scenario.traffic.faults.schemaDrift;
    this.#fromMs = drift === null ? Number.POSITIVE_INFINITY : switchMs(world, store);
    this.#added = chosenStores(world, 'drift-added', drift?.added ?? 0).has(store);
    this.#widened = chosenStores(world, 'drift-widened', drift?.widened ?? 0).has(store);
  }

  /** The event, labelled with what its version changes on the wire. */
  drifted(event: TapeEvent): TapeEvent {
    if (event.occurredMs < this.#fromMs) return event;
    const added = this.#added ? labelled(event, 'field_added') : event;
    return this.#widened ? labelled(added, 'type_widened') : added;
  }
}

/** When a store has its new version: its own share of the roll-out. */
export function switchMs(world: World, store: number): number {
  const { atMs, overMs } = world.scenario.traffic.faults.schemaDrift ?? { atMs: 0, overMs: 0 };
  return atMs + Math.floor(fixedUniform(storeHash(world, store, 'drift'), 0) * overMs);
}
