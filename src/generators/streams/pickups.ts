import { AliasTable } from '../../core/distributions.ts';
import { random } from '../../core/random.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { measuredPhases } from '../../scenario/timeline.ts';
import { Arrivals } from '../world/curve.ts';
import { hotSetAt, Shelf } from '../world/shelf.ts';
import { worldOf } from '../world/world.ts';
import { drawOrder } from './funnel.ts';

/** A possible pickup order. It is in no stream. */
export interface PickupOrder {
  /** The timed phase it is placed in. */
  readonly phase: string;
  readonly store: number;
  /** Offset from t0, whole milliseconds. */
  readonly atMs: number;
  readonly lines: readonly PickupLine[];
}

interface PickupLine {
  readonly sku: number;
  /** 1 at least. */
  readonly quantity: number;
}

/**
 * Some `count` pickup orders over the measured timed phases, in order of time: the web shop's curve says when, the
 * stores' sizes where, and its laws what, as for a session that buys, so that no cart stream is needed.
 * A Poisson process has no fixed number: `count` is its mean. The same seed gives the same orders.
 */
export function* pickupOrders(scenario: Scenario, count: number): Generator<PickupOrder> {
  const world = worldOf(scenario);
  const phases = measuredPhases(scenario);
  const area = phases.reduce(
    (sum, { startMs, endMs }) => sum + world.webCurve.area(startMs, endMs),
    0,
  );
  if (area === 0) return;
  const times = random(scenario.seed, 'promise-times');
  const own = random(scenario.seed, 'promises');
  const sizes = new AliasTable(world.stores.map(({ size }) => size));
  const shelves = new Map<number, Shelf>();
  const arrivals = new Arrivals(world.webCurve, count / area, times, null);
  const endMs = phases.at(-1)?.endMs ?? 0;
  for (let atMs = arrivals.next(); atMs < endMs; atMs = arrivals.next()) {
    const at = phases.find((phase) => atMs >= phase.startMs && atMs < phase.endMs);
    if (at === undefined) continue;
    const store = sizes.draw(own) + 1;
    const shelf = shelves.get(store) ?? new Shelf(world, store);
    shelves.set(store, shelf);
    const items = drawOrder(world, shelf, own, hotSetAt(world, atMs));
    yield {
      phase: at.phase.name,
      store,
      atMs: Math.floor(atMs),
      lines: items.map(({ rank, quantity }) => ({
        sku: world.skuOfRank[rank] as number,
        quantity,
      })),
    };
  }
}
