import { hash32 } from '../../core/random.ts';
import { MEMBERS_PER_STORE } from '../../scenario/resolve.ts';
import type { World } from './world.ts';

/** Share of a member's receipts at a store that is not their own; no public figure (2.7 stores a year). */
export const AWAY = 0.1;

/** Shares of the members, and points per dollar. */
export const TIERS = [
  { name: 'bronze', share: 0.7, earn: 1 },
  { name: 'silver', share: 0.22, earn: 1.25 },
  { name: 'gold', share: 0.07, earn: 1.5 },
  { name: 'platinum', share: 0.01, earn: 2 },
] as const;
type Tier = (typeof TIERS)[number];

/** How many members the chain has, whether it has a loyalty stream or not. */
export function memberCount({ scenario }: World): number {
  return scenario.traffic.loyalty?.members ?? MEMBERS_PER_STORE * scenario.retail.stores;
}

/** A member's id on the wire. */
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
