import { random } from '../../core/random.ts';
import { type Scenario, STREAMS, type Stream } from '../../scenario/scenario.ts';
import { timeline } from '../../scenario/timeline.ts';
import { messagesPerEvent } from '../faults/copies.ts';
import { duringOutage, offlineStores } from '../faults/offline.ts';
import { drawTransportMs } from '../faults/transport.ts';
import { type World, worldOf } from '../world/world.ts';
import {
  countIn,
  densityAt,
  eventsIn,
  type Flow,
  flowsOf,
  linesPerReceipt,
  quantiles,
  tillArrivals,
  webArrivals,
} from './flows.ts';

/** What one stream is expected to hold in one timed phase, in the mean over seeds. */
interface ExpectedCount {
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

/**
 * Messages per second that the tape intends at an offset: every stream, copies included, after their
 * transport, without what waits in stores that are offline and with what comes of it later.
 */
export function rateAt(scenario: Scenario, offsetMs: number): number {
  const world = worldOf(scenario);
  const transports = transportsOf(world);
  let perMs = backlogAt(world, offsetMs);
  for (const flow of flowsOf(world)) {
    const { lags } = flow;
    const terms = Math.max(lags.length, transports.length);
    let sum = 0;
    for (let i = 0; i < terms; i++) {
      const lag = lags[i % lags.length] as number;
      // Steps of the golden ratio: every lag meets short and long transports alike.
      const transport = transports[Math.floor(((i * GOLDEN) % 1) * transports.length)] as number;
      sum += onlineAt(flow, world, offsetMs - transport, lag);
    }
    perMs += (sum * flow.each) / terms;
  }
  const messages = perMs * messagesPerEvent(scenario.traffic.faults);
  return (messages + redeliveredAt(world, offsetMs)) * 1_000;
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
      const again = stream === 'inventory' ? redeliveredIn(world, startMs, endMs) : 0;
      return {
        phase: phase.name,
        stream,
        receipts,
        sessions: stream === 'cart' ? countIn(web, startMs, endMs) : null,
        lines: receipts === null ? null : receipts * linesPerReceipt(world),
        events,
        messages: events * per + again,
      };
    }),
  );
}

const GOLDEN = 0.618_033_988_749_895;
const PROBED_TRANSPORTS = 4_096;
const AT_ONCE: readonly number[] = [0];

const transportPlans = new WeakMap<World, readonly number[]>();

/** How long messages are on their way: quantiles, equally likely. */
function transportsOf(world: World): readonly number[] {
  const { seed, traffic } = world.scenario;
  const law = traffic.faults.transport;
  if (law === null) return AT_ONCE;
  let plan = transportPlans.get(world);
  if (plan === undefined) {
    const own = random(seed, 'probed-transports');
    plan = quantiles(Array.from({ length: PROBED_TRANSPORTS }, () => drawTransportMs(own, law)));
    transportPlans.set(world, plan);
  }
  return plan;
}

/** Events of a flow per ms and arrival that happen at `atMs` where there is an uplink. */
function onlineAt(flow: Flow, world: World, atMs: number, lag: number): number {
  // Nothing of before t0 is on the tape, however long it was on its way.
  if (atMs < 0) return 0;
  const density = densityAt(flow.arrivals, atMs - lag);
  if (flow.central || !duringOutage(world.scenario.traffic.faults.offline, atMs)) return density;
  return density * (1 - backlogOf(world).share);
}

/** What an outage keeps back: it is asked for at every offset, and is the same at each. */
interface Backlog {
  /** Share of the chain without uplink, by size. */
  readonly share: number;
  /** Events that wait in each of its stores when the outage ends. */
  readonly waiting: readonly number[];
}

const backlogs = new WeakMap<World, Backlog>();

function backlogOf(world: World): Backlog {
  let backlog = backlogs.get(world);
  if (backlog === undefined) {
    const { offline } = world.scenario.traffic.faults;
    const [fromMs, forMs] = offline === null ? [0, 0] : [offline.atMs, offline.forMs];
    const events = flowsOf(world)
      .filter(({ central }) => !central)
      .reduce((sum, flow) => sum + eventsIn(flow, fromMs, fromMs + forMs), 0);
    const sizes = [...offlineStores(world)].map((store) => world.stores[store - 1]?.size ?? 0);
    backlog = {
      share: sizes.reduce((sum, size) => sum + size, 0) / world.stores.length,
      waiting: sizes.map((size) => (events * size) / world.stores.length),
    };
    backlogs.set(world, backlog);
  }
  return backlog;
}

/** Events per ms that come out of the backlogs of stores whose outage is over. */
function backlogAt(world: World, offsetMs: number): number {
  const { offline } = world.scenario.traffic.faults;
  if (offline === null) return 0;
  const endMs = offline.atMs + offline.forMs;
  if (offsetMs < endMs) return 0;
  const perMs = offline.replayPerSecond / 1_000;
  let sum = 0;
  for (const events of backlogOf(world).waiting) {
    if (offsetMs - endMs < events / perMs) sum += perMs;
  }
  return sum;
}

/**
 * Row images per ms that crashed connectors send again: a store crashes once per `every`, in the mean over
 * phases, and has its last images to send, or as many as there have been. Until those are enough everywhere
 * this is somewhat too high (a fifth for grocery baskets), since it takes each store's mean.
 */
function redeliveredAt(world: World, offsetMs: number): number {
  const { redelivery, offline } = world.scenario.traffic.faults;
  if (redelivery === null || offsetMs < 0) return 0;
  const out = duringOutage(offline, offsetMs);
  const transports = transportsOf(world);
  const sentMs = Math.max(0, offsetMs - (transports[transports.length >> 1] as number));
  const images = flowsOf(world)
    .filter(({ stream }) => stream === 'inventory')
    .reduce((sum, flow) => sum + eventsIn(flow, 0, sentMs), 0);
  let sum = 0;
  for (const { number, size } of world.stores) {
    if (out && offlineStores(world).has(number)) continue;
    sum += Math.min(redelivery.last, (images * size) / world.stores.length);
  }
  return sum / redelivery.everyMs;
}

const REDELIVERY_STEPS = 32;

function redeliveredIn(world: World, fromMs: number, toMs: number): number {
  if (world.scenario.traffic.faults.redelivery === null) return 0;
  const stepMs = (toMs - fromMs) / REDELIVERY_STEPS;
  let sum = 0;
  for (let i = 0; i < REDELIVERY_STEPS; i++) {
    sum += redeliveredAt(world, fromMs + (i + 0.5) * stepMs) * stepMs;
  }
  return sum;
}
