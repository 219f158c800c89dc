import { random } from '../../core/random.ts';
import type { Stream } from '../../scenario/scenario.ts';
import { SESSION_REACH_MS } from '../streams/cart.ts';
import { planSession } from '../streams/funnel.ts';
import { BURN_SHARE } from '../streams/loyalty.ts';
import { PACKED, PER_UNIT, SHIPPED } from '../streams/wms.ts';
import type { RateCurve } from '../world/curve.ts';
import { DELAYS, type Delay, drawDelay } from '../world/delays.ts';
import type { World } from '../world/world.ts';

/** What is expected of every stream, as flows in closed form: nothing is generated. */

/** Arrivals along curves, and what each of them brings how much later. */
export interface Flow {
  readonly arrivals: Arrivals;
  /** Events per arrival. */
  readonly each: number;
  /** How long after its arrival an event comes: quantiles, equally likely. */
  readonly lags: readonly number[];
  readonly stream: Stream;
  /** Of the web shop or a distribution centre: no store's uplink carries it. */
  readonly central: boolean;
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

/** Events of a flow in [fromMs, toMs). */
export function eventsIn({ arrivals, each, lags }: Flow, fromMs: number, toMs: number): number {
  let sum = 0;
  for (const lag of lags) sum += countIn(arrivals, fromMs - lag, toMs - lag);
  return (sum * each) / lags.length;
}

/** Arrivals in [fromMs, toMs). */
export function countIn(arrivals: Arrivals, fromMs: number, toMs: number): number {
  const { curves, reachMs } = arrivals;
  let sum = 0;
  for (const { curve, perMs } of curves) {
    const before = Math.min(0, toMs) - Math.max(-reachMs, Math.min(0, fromMs));
    sum += perMs * curve.before * Math.max(0, before);
    if (toMs > 0) sum += perMs * curve.area(Math.max(0, fromMs), toMs);
  }
  return sum;
}

/** Arrivals per ms at an offset. */
export function densityAt({ curves, reachMs }: Arrivals, offsetMs: number): number {
  if (offsetMs < -reachMs) return 0;
  let sum = 0;
  for (const { curve, perMs } of curves) sum += perMs * curve.at(offsetMs);
  return sum;
}

/** Receipts of all stores. */
export function tillArrivals(world: World): Arrivals {
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

/** Sessions of the web shop. */
export function webArrivals(world: World): Arrivals {
  const perMs = world.sessionsPerMs * world.scenario.retail.stores;
  return { curves: [{ curve: world.webCurve, perMs }], reachMs: SESSION_REACH_MS };
}

/** Lines of a mean receipt, sale or return. */
export function linesPerReceipt({ scenario, meanLines, meanReturnedLines }: World): number {
  const returns = scenario.traffic.pos?.returns ?? 0;
  return (1 - returns) * meanLines + returns * meanReturnedLines;
}

/** Every flow of a scenario; computed once. */
export function flowsOf(world: World): readonly Flow[] {
  let flows = plans.get(world);
  if (flows === undefined) {
    const { traffic } = world.scenario;
    const moved = [...tillFlows(world), ...backroomFlows(world), ...webFlows(world)];
    flows = [...moved, ...delistings(world, moved)].filter(
      ({ stream, each }) => traffic[stream] !== null && each > 0,
    );
    plans.set(world, flows);
  }
  return flows;
}

/** Some movements are followed, as good as at once, by one more image and the event that explains it. */
function delistings({ scenario }: World, flows: readonly Flow[]): readonly Flow[] {
  const delist = scenario.traffic.wms?.delist ?? 0;
  return flows
    .filter(({ stream }) => stream === 'inventory')
    .flatMap((flow) =>
      (['wms', 'inventory'] as const).map((stream) => ({
        ...flow,
        stream,
        each: flow.each * delist,
      })),
    );
}

function tillFlows(world: World): readonly Flow[] {
  const { pos, loyalty } = world.scenario.traffic;
  if (pos === null) return [];
  const arrivals = tillArrivals(world);
  const sales = 1 - pos.returns;
  // What is rung up in training mode is a receipt, and no more than that.
  const real = 1 - pos.training;
  const moving = sales * world.meanMovingLines + pos.returns * world.meanReturnedLines;
  const points = (loyalty?.share ?? 0) * (1 + BURN_SHARE * sales);
  const flow = (stream: Stream, each: number): Flow => ({
    arrivals,
    stream,
    each,
    lags: AT_ONCE,
    central: false,
  });
  return [flow('pos', 1), flow('loyalty', points * real), flow('inventory', moving * real)];
}

/** Share of counts that find another number than BOOK's; at t0, that of inaccurate records. */
const COUNTS_THAT_MOVE = 0.35;

function backroomFlows(world: World): readonly Flow[] {
  const { pos, wms } = world.scenario.traffic;
  if (pos === null || wms === null) return [];
  const arrivals = tillArrivals(world);
  const real = 1 - pos.training;
  const units = world.meanUnits * (1 - pos.returns) * real;
  const inspected = pos.returns * world.meanReturnedLines * real;
  const reorders = units * PER_UNIT.reorders;
  const received = units * PER_UNIT.dcReceipts;
  const inCentre = (each: number, ...delays: readonly Delay[]): Flow => {
    return { arrivals, stream: 'wms', each, lags: lagsOf(world, delays), central: true };
  };
  const inStore = (each: number, moving: number, ...delays: readonly Delay[]): Flow[] => {
    const flow = { arrivals, lags: lagsOf(world, delays), central: false };
    return [
      { ...flow, stream: 'wms', each },
      { ...flow, stream: 'inventory', each: each * moving },
    ];
  };
  return [
    inCentre(reorders * (1 + PACKED + SHIPPED), DELAYS.dcPick),
    ...inStore(reorders, 1, DELAYS.dcPick, DELAYS.replenish),
    inCentre(received, DELAYS.dcPick),
    inCentre(received, DELAYS.dcPick, DELAYS.dockToStock),
    ...inStore(units * PER_UNIT.counts, COUNTS_THAT_MOVE, DELAYS.count),
    ...inStore(units * PER_UNIT.damage, 1, DELAYS.damage),
    ...inStore(inspected, 1, DELAYS.inspect),
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
    central: stream === 'cart',
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

/** Values that stand for a law: so many at most, equally likely. */
export function quantiles(values: number[]): readonly number[] {
  if (values.length <= LAG_QUANTILES) return values.length === 0 ? AT_ONCE : values;
  const sorted = Float64Array.from(values).sort();
  return Array.from(
    { length: LAG_QUANTILES },
    (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / LAG_QUANTILES)] as number,
  );
}
