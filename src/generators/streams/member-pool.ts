import { multiplierTable } from '../../core/distributions.ts';
import { type Random, rehash } from '../../core/random.ts';
import { PROFILE_DEFAULTS } from '../../scenario/resolve.ts';
import { AWAY, memberCount, memberId } from '../world/members.ts';
import { storeHash, type World } from '../world/world.ts';
import type { StoreSimulation } from './store-simulation.ts';

/** Trips per member: LogNormal, sigma 0.73, mean 1. */
const TRIPS = multiplierTable(0.73);

/**
 * Who stands at the till. The draws are the same whether the loyalty stream is on or not, so that
 * turning it on changes no receipt; only its share and its number of members do.
 */
export class MemberPool {
  readonly #world: World;
  readonly #store: number;
  readonly #random: Random;
  readonly #tripsHash: number;
  readonly #share: number;

  constructor(simulation: StoreSimulation) {
    this.#world = simulation.world;
    this.#store = simulation.store.number;
    this.#random = simulation.random('members');
    this.#tripsHash = storeHash(simulation.world, simulation.store.number, 'trips');
    const { traffic, retail } = simulation.world.scenario;
    this.#share = traffic.loyalty?.share ?? PROFILE_DEFAULTS[retail.profile].loyaltyShare;
  }

  /** The member id on a receipt, or null. */
  atTill(): string | null {
    const own = this.#random;
    if (!own.chance(this.#share)) return null;
    const { stores } = this.#world.scenario.retail;
    const store = own.chance(AWAY) ? 1 + own.integer(stores) : this.#store;
    const members = memberCount(this.#world);
    const here = Math.floor((members - store) / stores) + 1;
    // A chain with fewer members than stores: everyone shops everywhere.
    if (here <= 0) return memberId(1 + own.integer(members));
    const ceiling = TRIPS.at(-1) as number;
    while (true) {
      const i = own.integer(here);
      const trips = TRIPS[rehash(this.#tripsHash, i) & 4_095] as number;
      if (own.next() * ceiling < trips) return memberId(store + i * stores);
    }
  }
}
