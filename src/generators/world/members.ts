import { multiplierTable } from '../../core/distributions.ts';
import { hash32, type Random, rehash } from '../../core/random.ts';
import type { Desk } from '../streams/desk.ts';
import { storeHash, type World } from './world.ts';

/** Members per store, and share of their receipts, where a scenario has no loyalty section. */
const MEMBERS_PER_STORE = 6_300;
/** Share of a member's receipts at a store that is not their own; no public figure (2.7 stores a year). */
export const AWAY = 0.1;
/** Trips per member: LogNormal, sigma 0.73, mean 1. */
const TRIPS = multiplierTable(0.73);

export const TIERS = [
  { name: 'bronze', share: 0.7, earn: 1 },
  { name: 'silver', share: 0.22, earn: 1.25 },
  { name: 'gold', share: 0.07, earn: 1.5 },
  { name: 'platinum', share: 0.01, earn: 2 },
] as const;
export type Tier = (typeof TIERS)[number];

/** How many members the chain has. */
export function memberCount({ scenario }: World): number {
  return scenario.traffic.loyalty?.members ?? MEMBERS_PER_STORE * scenario.retail.stores;
}

export function memberId(member: number): string {
  return `M${String(member).padStart(9, '0')}`;
}

/** The tier of a member: a fixed property. */
export function tierOf(world: World, member: number): Tier {
  let rest = hash32(world.scenario.seed, 'tier', member) / 0x1_0000_0000;
  for (const tier of TIERS) {
    rest -= tier.share;
    if (rest < 0) return tier;
  }
  return TIERS[0];
}

/** Whose store it is: members are dealt out to the stores in turn. */
export function homeOf(world: World, member: number): number {
  return ((member - 1) % world.scenario.retail.stores) + 1;
}

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

  constructor(desk: Desk) {
    this.#world = desk.world;
    this.#store = desk.store.number;
    this.#random = desk.random('members');
    this.#tripsHash = storeHash(desk.world, desk.store.number, 'trips');
    this.#share = desk.world.scenario.traffic.loyalty?.share ?? desk.world.laws.loyaltyShare;
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
