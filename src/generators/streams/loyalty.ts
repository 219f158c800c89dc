import { type LogNormal, multiplierTable } from '../../core/distributions.ts';
import { hash32 } from '../../core/random.ts';
import { AWAY, homeOf, TIERS, tierOf } from '../world/members.ts';
import type { Receipt } from './pos.ts';
import type { StoreSimulation } from './store-simulation.ts';

/** Share of receipts with a card on which points are burned, and points burned per point issued. */
export const BURN_SHARE = 0.04;
const BURNED_OF_ISSUED = 0.45;
/** Spread of one burn around its mean. */
const BURN: LogNormal = { mu: -0.125, sigma: 0.5 };
/** Points a member holds at t0, in mean burns; spread like trips. No public figure. */
const OPENING_BURNS = 8;
const OPENING = multiplierTable(0.73);

/**
 * Points: one per dollar, times the tier's factor, on every receipt with a card (a return takes them
 * back), and now and then a burn at the member's own store. A member never burns more than is there:
 * their own store knows what they hold but for what they earned elsewhere, which can only be more.
 */
export function startLoyalty(
  simulation: StoreSimulation,
): (receipt: Receipt, atMs: number) => void {
  const { world, store } = simulation;
  if (world.scenario.traffic.loyalty === null) return () => {};
  const own = simulation.random('loyalty');
  const meanIssued = meanPoints(simulation);
  const burnAtHome = BURN_SHARE / (1 - AWAY * (1 - 1 / world.scenario.retail.stores));
  const balances = new Map<number, number>();

  return (receipt, atMs) => {
    const { memberId } = receipt;
    if (memberId === null) return;
    const member = Number(memberId.slice(1));
    const tier = tierOf(world, member);
    const send = (kind: 'earn' | 'burn', points: number) =>
      simulation.emit('loyalty', atMs, receipt.terminal, {
        event_type: 'PointsTransaction',
        member_id: memberId,
        points,
        kind,
        tier: tier.name,
        reference: receipt.id,
      });
    // The sum makes the -0 of a return below a point 0.
    const earned = Math.trunc((receipt.totalCents / 100) * tier.earn) + 0;
    send('earn', earned);
    const burns = own.chance(burnAtHome);
    const wanted = Math.round(
      (own.logNormal(BURN.mu, BURN.sigma) * meanIssued * BURNED_OF_ISSUED) / BURN_SHARE,
    );
    if (homeOf(world, member) !== store.number || receipt.type === 'return') return;
    const opening =
      ((OPENING[hash32(world.scenario.seed, 'points', member) & 4_095] as number) *
        OPENING_BURNS *
        meanIssued *
        BURNED_OF_ISSUED) /
      BURN_SHARE;
    const balance = (balances.get(member) ?? Math.round(opening)) + earned;
    const points = burns ? Math.min(wanted, balance) : 0;
    if (points > 0) send('burn', -points);
    balances.set(member, balance - points);
  };
}

/** Points a mean receipt issues: from the chain's mean price, basket and tiers. */
function meanPoints({ world, store }: StoreSimulation): number {
  const factor = TIERS.reduce((sum, { share, earn }) => sum + share * earn, 0);
  return ((world.meanNetCents * (1 + store.taxRate)) / 100) * factor;
}
