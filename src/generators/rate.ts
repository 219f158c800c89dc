import { random } from '../core/random.ts';
import { type Scenario, STREAMS, type Stream } from '../scenario/scenario.ts';
import { timeline } from '../scenario/timeline.ts';
import { SESSION_REACH_MS } from './cart.ts';
import type { RateCurve } from './curve.ts';
import { DELAYS, type Delay, drawDelay } from './delays.ts';
import { messagesPerEvent } from './faults/copies.ts';
import { planSession } from './funnel.ts';
import { BURN_SHARE } from './loyalty.ts';
import { PACKED, PER_UNIT, SHIPPED } from './wms.ts';
import { type World, worldOf } from './world.ts';

/** What one stream is expected to hold in one timed phase, in the mean over seeds. */
export interface ExpectedCount {
  readonly phase: string;
  readonly stream: Stream;
  /** Receipts of pos, sessions begun of cart; null where a stream has no such thing. */
  readonly receipts: number | null;
  readonly sessions: number | null;
  /** Lines on those receipts. */
  readonly lines: number | null;
  /** Events that happen in the phase. */
  readonly events: number;
  /** Messages they become: with their copies, wherever those fall. */
  readonly messages: number;
}

/** Arrivals along curves, and what each of them brings how much later. */
interface Flow {
  readonly arrivals: Arrivals;
  /** Events per arrival. */
  readonly each: number;
  /** How long after its arrival an event comes: quantiles, equally likely. */
  readonly lags: readonly number[];
  readonly stream: Stream;
}

interface Arrivals {
  readonly curves: readonly { readonly curve: RateCurve; readonly perMs: number }[];
  /** Nothing arrived earlier than this before t0. */
  readonly reachMs: number;
}

const AT_ONCE: readonly number[] = [0];
const LAG_QUANTILES = 256;
/** Sessions drawn to learn when in a session its events come: their laws have no closed sum. */
const PROBED_SESSIONS = 6_000;
const PROBED_DELAYS = 4_096;

const plans = new WeakMap<World, readonly Flow[]>();

/** Messages per second that the tape intends at an offset from t0: every stream, copies included. */
export function rateAt(scenario: Scenario, offsetMs: number): number {
  let perMs = 0;
  for (const flow of flowsOf(worldOf(scenario))) {
    for (const lag of flow.lags) {
      perMs += (densityAt(flow.arrivals, offsetMs - lag) * flow.each) / flow.lags.length;
    }
  }
  return perMs * 1_000 * messagesPerEvent(scenario.traffic.faults);
}

/**
 * Expected counts per timed phase and stream, from the integral of the rate: nothing is generated.
 * Work that follows a sale comes after its delay; the time before t0 counts as the steady state it was.
 */
export function expectedCounts(scenario: Scenario): readonly ExpectedCount[] {
  const world = worldOf(scenario);
  const flows = flowsOf(world);
  const per = messagesPerEvent(scenario.traffic.faults);
  const tills = tillArrivals(world);
  const web = webArrivals(world);
  return timeline(scenario).flatMap(({ phase, startMs, endMs }) =>
    STREAMS.filter((stream) => scenario.traffic[stream] !== null).map((stream) => {
      const receipts = stream === 'pos' ? countIn(tills, startMs, endMs) : null;
      const events = flows
        .filter((flow) => flow.stream === stream)
        .reduce((sum, flow) => sum + eventsIn(flow, startMs, endMs), 0);
      return {
        phase: phase.name,
        stream,
        receipts,
        sessions: stream === 'cart' ? countIn(web, startMs, endMs) : null,
        lines: receipts === null ? null : receipts * linesPerReceipt(world),
        events,
        messages: events * per,
      };
    }),
  );
}

function eventsIn({ arrivals, each, lags }: Flow, fromMs: number, toMs: number): number {
  let sum = 0;
  for (const lag of lags) sum += countIn(arrivals, fromMs - lag, toMs - lag);
  return (sum * each) / lags.length;
}

function countIn(arrivals: Arrivals, fromMs: number, toMs: number): number {
  const { curves, reachMs } = arrivals;
  let sum = 0;
  for (const { curve, perMs } of curves) {
    const before = Math.min(0, toMs) - Math.max(-reachMs, Math.min(0, fromMs));
    sum += perMs * curve.before * Math.max(0, before);
    if (toMs > 0) sum += perMs * curve.area(Math.max(0, fromMs), toMs);
  }
  return sum;
}

function densityAt({ curves, reachMs }: Arrivals, offsetMs: number): number {
  if (offsetMs < -reachMs) return 0;
  let sum = 0;
  for (const { curve, perMs } of curves) sum += perMs * curve.at(offsetMs);
  return sum;
}

function tillArrivals(world: World): Arrivals {
  if (world.recorded !== null) {
    return { curves: [world.recorded], reachMs: Number.POSITIVE_INFINITY };
  }
  const perMs = new Map<RateCurve, number>();
  for (const { curve, receiptsPerMs } of world.stores) {
    perMs.set(curve, (perMs.get(curve) ?? 0) + receiptsPerMs);
  }
  const curves = Array.from(perMs, ([curve, sum]) => ({ curve, perMs: sum }));
  return { curves, reachMs: Number.POSITIVE_INFINITY };
}

function webArrivals(world: World): Arrivals {
  const perMs = world.sessionsPerMs * world.scenario.retail.stores;
  return { curves: [{ curve: world.webCurve, perMs }], reachMs: SESSION_REACH_MS };
}

function linesPerReceipt({ scenario, meanLines, meanReturnedLines }: World): number {
  const returns = scenario.traffic.pos?.returns ?? 0;
  return (1 - returns) * meanLines + returns * meanReturnedLines;
}

function flowsOf(world: World): readonly Flow[] {
  let flows = plans.get(world);
  if (flows === undefined) {
    const { traffic } = world.scenario;
    flows = [...tillFlows(world), ...backroomFlows(world), ...webFlows(world)].filter(
      ({ stream, each }) => traffic[stream] !== null && each > 0,
    );
    plans.set(world, flows);
  }
  return flows;
}

function tillFlows(world: World): readonly Flow[] {
  const { pos, loyalty } = world.scenario.traffic;
  if (pos === null) return [];
  const arrivals = tillArrivals(world);
  const sales = 1 - pos.returns;
  const moving = sales * world.meanMovingLines + pos.returns * world.meanReturnedLines;
  const points = (loyalty?.share ?? 0) * (1 + BURN_SHARE * sales);
  return [
    { arrivals, stream: 'pos', each: 1, lags: AT_ONCE },
    { arrivals, stream: 'loyalty', each: points, lags: AT_ONCE },
    { arrivals, stream: 'inventory', each: moving, lags: AT_ONCE },
  ];
}

/** Share of counts that find another number than BOOK's; at t0, that of inaccurate records. */
const COUNTS_THAT_MOVE = 0.35;

function backroomFlows(world: World): readonly Flow[] {
  const { pos, wms } = world.scenario.traffic;
  if (pos === null || wms === null) return [];
  const arrivals = tillArrivals(world);
  const units = world.meanUnits * (1 - pos.returns);
  const inspected = pos.returns * world.meanReturnedLines;
  const reorders = units * PER_UNIT.reorders;
  const follows = (each: number, moving: number, ...delays: readonly Delay[]): Flow[] => {
    const lags = lagsOf(world, delays);
    return [
      { arrivals, stream: 'wms', each, lags },
      { arrivals, stream: 'inventory', each: each * moving, lags },
    ];
  };
  return [
    ...follows(reorders * (1 + PACKED + SHIPPED), 0, DELAYS.dcPick),
    ...follows(reorders, 1, DELAYS.dcPick, DELAYS.replenish),
    ...follows(units * PER_UNIT.dcReceipts, 0, DELAYS.dcPick),
    ...follows(units * PER_UNIT.dcReceipts, 0, DELAYS.dcPick, DELAYS.dockToStock),
    ...follows(units * PER_UNIT.counts, COUNTS_THAT_MOVE, DELAYS.count),
    ...follows(units * PER_UNIT.damage, 1, DELAYS.damage),
    ...follows(inspected, 1, DELAYS.inspect),
  ];
}

function webFlows(world: World): readonly Flow[] {
  const { scenario } = world;
  const { cart, wms } = scenario.traffic;
  if (cart === null) return [];
  const own = random(scenario.seed, 'probed-sessions');
  const events: number[] = [];
  const reserved: number[] = [];
  const picked: number[] = [];
  for (let i = 0; i < PROBED_SESSIONS; i++) {
    for (const step of planSession(world, own, cart).steps) {
      events.push(step.afterMs);
      if (step.name !== 'purchase' || step.fulfilment !== 'pickup' || step.part === 'viewed')
        continue;
      const pickMs = drawDelay(own, DELAYS.pick);
      for (let line = step.part.from; line < step.part.to; line++) {
        reserved.push(step.afterMs);
        picked.push(step.afterMs + pickMs);
      }
    }
  }
  const arrivals = webArrivals(world);
  const flow = (stream: Stream, lags: number[], from = arrivals): Flow => ({
    arrivals: from,
    stream,
    each: lags.length / PROBED_SESSIONS,
    lags: quantiles(lags),
  });
  const flows = [flow('cart', events), flow('inventory', reserved)];
  if (wms === null) return flows;
  const always = { ...arrivals, reachMs: Number.POSITIVE_INFINITY };
  return [...flows, flow('wms', picked, always), flow('inventory', picked, always)];
}

function lagsOf(world: World, delays: readonly Delay[]): readonly number[] {
  const own = random(world.scenario.seed, 'probed-delays');
  const sums = Array.from({ length: PROBED_DELAYS }, () =>
    delays.reduce((sum, delay) => sum + drawDelay(own, delay), 0),
  );
  return quantiles(sums);
}

function quantiles(values: number[]): readonly number[] {
  if (values.length <= LAG_QUANTILES) return values.length === 0 ? AT_ONCE : values;
  const sorted = Float64Array.from(values).sort();
  return Array.from(
    { length: LAG_QUANTILES },
    (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / LAG_QUANTILES)] as number,
  );
}
