import { ratePer } from '../core/units.ts';
import { atValue, type Problem } from './problems.ts';
import type { Sections } from './rules.ts';
import type { Draft } from './schema.ts';

/**
 * Lower and upper limits of rates: a store has a receipt within days. The web sessions in progress at t0 (a quarter of
 * an hour of them) are generated before anything is sent: at most those of a shop with 26 million sessions a day.
 */
const RECEIPTS_PER_STORE_HOUR = { least: 0.01, most: 100_000 } as const;
const SESSIONS_PER_S = { least: 0.001, most: 300 } as const;
/** Ten times the busiest existing chain; one machine cannot process a tenth of the resulting messages. */
const PEAK_RECEIPTS_PER_S = 5_000;
const PEAK_SESSIONS_PER_S = 20_000;
/** Returns before t0 that await inspection are kept in memory: about two hours of them. */
const RETURNS_PER_S = 200;
/** Receipts that happened and are not due yet are kept in memory, with all their consequences. */
const RECEIPTS_UNDER_WAY = 100_000;

/** Problems with rates that no generator can produce: almost nothing, or more than a machine can hold. */
export function judgeRates({ retail, traffic, phases }: Sections): Problem[] {
  if (!traffic) return [];
  const load = Math.max(1, ...(phases ?? []).map((phase) => ('for' in phase ? phase.load : 1)));
  return [...judgeReceipts(traffic, retail?.stores ?? 1, load), ...judgeSessions(traffic, load)];
}

function judgeReceipts(traffic: Draft['traffic'], stores: number, load: number): Problem[] {
  const { pos, faults } = traffic;
  if (!pos?.receipts.ofEachStore) return [];
  const path = ['traffic', 'pos', 'receipts'];
  const perHour = ratePer('h', pos.receipts);
  const { least, most } = RECEIPTS_PER_STORE_HOUR;
  if (perHour === 0) return [atValue(path, 'no receipts: leave pos out instead')];
  if (perHour < least || perHour > most) {
    return [atValue(path, `must be from ${least}/store/h to ${most}/store/h`)];
  }
  const perSecond = (perHour * stores) / 3_600;
  const peak = perSecond * load;
  if (peak > PEAK_RECEIPTS_PER_S) {
    const fact = `all stores at ${load}x come to ${Math.round(peak)} receipts a second`;
    return [atValue(path, `${fact}: ${PEAK_RECEIPTS_PER_S} are the most`)];
  }
  const problems: Problem[] = [];
  const returned = perSecond * (pos.returns ?? 0);
  if (returned > RETURNS_PER_S) {
    const fact = `all stores come to ${Math.round(returned)} returns a second`;
    problems.push(atValue(['traffic', 'pos', 'returns'], `${fact}: ${RETURNS_PER_S} are the most`));
  }
  for (const [fault, waitMs] of Object.entries(meanWaits(faults))) {
    const underWay = Math.round((peak * waitMs) / 1_000);
    if (underWay <= RECEIPTS_UNDER_WAY) continue;
    const fact = `${underWay} receipts wait at a time: ${RECEIPTS_UNDER_WAY} are the most`;
    problems.push(atValue(['traffic', 'faults', fault], fact));
  }
  return problems;
}

/** Longest mean time of the chain's receipts between happening and intended send. */
function meanWaits({ transport, offline }: Draft['traffic']['faults']): Record<string, number> {
  const waits: Record<string, number> = {};
  if (transport) {
    const { delay, sigma, slow, slow_delay: slowDelay, slow_sigma: slowSigma } = transport;
    waits.transport =
      (1 - slow) * delay * Math.exp(sigma ** 2 / 2) +
      slow * slowDelay * Math.exp(slowSigma ** 2 / 2);
  }
  if (offline) waits.offline = offline.stores * offline.for;
  return waits;
}

function judgeSessions({ cart }: Draft['traffic'], load: number): Problem[] {
  if (!cart || cart.sessions.ofEachStore) return [];
  const path = ['traffic', 'cart', 'sessions'];
  const perSecond = ratePer('s', cart.sessions);
  const { least, most } = SESSIONS_PER_S;
  if (perSecond === 0) return [atValue(path, 'no sessions: leave cart out instead')];
  if (perSecond < least || perSecond > most) {
    return [atValue(path, `must be from ${least}/s to ${most}/s`)];
  }
  if (perSecond * load <= PEAK_SESSIONS_PER_S) return [];
  const fact = `at ${load}x these are ${Math.round(perSecond * load)} sessions a second`;
  return [atValue(path, `${fact}: ${PEAK_SESSIONS_PER_S} are the most`)];
}
