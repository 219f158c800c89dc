import { formatDuration } from '../core/units.ts';
import { atKey, atValue, isWritten, type Problem } from './problems.ts';
import type { Sections } from './rules.ts';
import { STREAMS } from './scenario.ts';
import { type Draft, draftTimedMs } from './schema.ts';

type FaultsDraft = Draft['traffic']['faults'];

const at = (...path: readonly string[]) => ['traffic', 'faults', ...path];

/** Settings of faults that would have no effect, or contradict each other. */
export function judgeFaults({ traffic, phases }: Sections, raw: unknown): Problem[] {
  if (!traffic) return [];
  const { faults } = traffic;
  const timedMs = phases && draftTimedMs(phases);
  const written = (...path: string[]) => isWritten(raw, at(...path));
  return [
    ...judgeCopies(faults),
    ...judgeTransport(faults, written),
    ...judgeOffline(traffic, timedMs),
    ...judgeDeviceClocks(traffic, written),
    ...judgeDrift(faults, timedMs),
    ...judgeRedelivery(traffic, timedMs),
  ];
}

type Written = (...path: string[]) => boolean;

function judgeCopies(faults: FaultsDraft): Problem[] {
  const problems: Problem[] = [];
  for (const kind of ['duplicates', 'malformed'] as const) {
    if (faults[kind]?.rate !== 0) continue;
    const fact = `at a rate of 0% ${kind} would change nothing: leave ${kind} out instead`;
    problems.push(atValue(at(kind, 'rate'), fact));
  }
  const { duplicates } = faults;
  if (duplicates && duplicates.delay_max < duplicates.delay) {
    const fact = 'the longest retry delay is shorter than the first';
    problems.push(atValue(at('duplicates', 'delay_max'), fact));
  }
  return problems;
}

function judgeTransport({ transport }: FaultsDraft, written: Written): Problem[] {
  if (!transport) return [];
  const { delay, slow, slow_delay: slowDelay } = transport;
  const usualIsNothing = slow === 1 || delay === 0;
  const slowIsNothing = slow === 0 || slowDelay === 0;
  if (usualIsNothing && slowIsNothing) {
    return [atKey(at('transport'), 'nothing is delayed: leave transport out instead')];
  }
  const dead = [
    ...(slow === 1 ? [['delay', 'with slow: 100%'] as const] : []),
    ...(usualIsNothing ? [['sigma', slow === 1 ? 'with slow: 100%' : 'of 0s'] as const] : []),
    ...(slow === 0 ? [['slow_delay', 'with slow: 0%'] as const] : []),
    ...(slowIsNothing ? [['slow_sigma', slow === 0 ? 'with slow: 0%' : 'of 0s'] as const] : []),
  ];
  return dead
    .filter(([key]) => written('transport', key))
    .map(([key, why]) => atKey(at('transport', key), `changes nothing ${why}: leave it out`));
}

function judgeOffline(traffic: Draft['traffic'], timedMs: number | undefined): Problem[] {
  const { offline } = traffic.faults;
  if (!offline) return [];
  const problems: Problem[] = [];
  if (!STREAMS.some((stream) => stream !== 'cart' && traffic[stream])) {
    problems.push(atKey(at('offline'), 'the web shop has no store to be offline: leave it out'));
  }
  if (offline.stores === 0) {
    problems.push(atValue(at('offline', 'stores'), 'no store: leave offline out instead'));
  }
  if (offline.replay.ofEachStore || offline.replay.count === 0) {
    const fact = 'is a rate per store: write it like 50/s';
    problems.push(atValue(at('offline', 'replay'), fact));
  }
  return [...problems, ...tooLate(['offline', 'at'], offline.at, timedMs)];
}

function judgeDeviceClocks(traffic: Draft['traffic'], written: Written): Problem[] {
  const { clocks } = traffic.faults;
  if (!clocks) return [];
  const inStores = clocks.sigma > 0 || clocks.hour_off > 0 || clocks.wrong_date > 0;
  if (!(traffic.pos && inStores) && !(traffic.cart && clocks.shoppers > 0)) {
    return [atKey(at('clocks'), 'every clock is right: leave clocks out instead')];
  }
  const dead = [
    ...(traffic.pos ? [] : (['sigma', 'hour_off', 'wrong_date'] as const)),
    ...(traffic.cart ? [] : (['shoppers'] as const)),
  ];
  const problems = dead
    .filter((key) => written('clocks', key))
    .map((key) => {
      const needed = key === 'shoppers' ? 'cart' : 'pos';
      return atKey(at('clocks', key), `without ${needed} no event uses such a clock: leave it out`);
    });
  if (clocks.hour_off + clocks.wrong_date <= 1) return problems;
  const fact = 'more than 100% together with hour_off: a clock has one error at most';
  return [...problems, atValue(at('clocks', 'wrong_date'), fact)];
}

function judgeDrift({ schema_drift: drift }: FaultsDraft, timedMs: number | undefined): Problem[] {
  if (!drift) return [];
  if (drift.added === 0 && drift.widened === 0) {
    const fact = 'no store sends anything else: leave schema_drift out instead';
    return [atKey(at('schema_drift'), fact)];
  }
  return tooLate(['schema_drift', 'at'], drift.at, timedMs);
}

function judgeRedelivery(traffic: Draft['traffic'], timedMs: number | undefined): Problem[] {
  const { redelivery } = traffic.faults;
  if (!redelivery) return [];
  if (!traffic.inventory) {
    return [atKey(at('redelivery'), 'without inventory there is no connector: leave it out')];
  }
  if (timedMs === undefined || redelivery.every <= timedMs) return [];
  const fact = 'longer than all timed phases: some stores would never crash in them';
  return [atValue(at('redelivery', 'every'), fact)];
}

/** A fault that begins after the timed phases. */
function tooLate(path: readonly string[], atMs: number, timedMs: number | undefined): Problem[] {
  if (timedMs === undefined || atMs < timedMs) return [];
  const fact = `begins after the timed phases (${formatDuration(timedMs)}) have ended: begin earlier`;
  return [atValue(at(...path), fact)];
}
