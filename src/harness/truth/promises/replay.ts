import { grouped } from '../../../core/grouped.ts';
import { yieldToEventLoop } from '../../../core/yield-to-event-loop.ts';
import { stockCourses } from '../../../generators/stock/stock-course.ts';
import { pickupOrders } from '../../../generators/streams/pickups.ts';
import type { Scenario } from '../../../scenario/scenario.ts';
import { measuredPhases, type TimedPhase } from '../../../scenario/timeline.ts';
import type { ImageDataset } from '../../../topology/dataset.ts';
import type { FactRow, Facts } from '../../facts.ts';
import { Demand } from './demand.ts';
import { type OrderFate, replayOrder } from './promises.ts';
import { shownStock } from './shown.ts';

/** Mean number of replayed orders per run, over seeds. */
const MEAN_ORDERS = 10_000;

/** Fates of the orders, and the rates at which their shelves emptied. */
export interface PromiseReplay {
  /** The dataset that showed the stock. */
  readonly dataset: string;
  /** The measured timed phases: orders are placed in these alone. */
  readonly phases: readonly TimedPhase[];
  readonly fates: readonly OrderFate[];
  readonly demand: Demand;
}

/**
 * Replays pickup orders against what the run's table showed, and writes every line into the facts. null without a
 * stock table. It takes about as long as generating the tape of the timed phases.
 */
export async function replayPromises(
  facts: Pick<Facts, 'connect' | 'append'>,
  scenario: Scenario,
  view: { readonly stock: ImageDataset | null; readonly t0Ms: number },
): Promise<PromiseReplay | null> {
  const { stock, t0Ms } = view;
  if (stock === null) return null;
  const phases = measuredPhases(scenario);
  const orders = [...pickupOrders(scenario, MEAN_ORDERS)];
  const shown = await shownStock(facts, orders, stock, t0Ms);
  const demand = new Demand(phases);
  const fates: OrderFate[] = [];
  const untilMs = (orders.at(-1)?.atMs ?? -1) + 1;
  for (const [store, own] of grouped(orders, ({ store }) => store)) {
    const skus = new Set(own.flatMap(({ lines }) => lines.map(({ sku }) => sku)));
    const courses = stockCourses(scenario, store, skus, untilMs);
    demand.add(store, courses);
    for (const order of own) {
      const known = (sku: number) => {
        const course = courses.get(sku);
        if (course === undefined) throw new Error(`no course of SKU ${sku} in store ${store}`);
        return { shown: shown.get(store)?.get(sku), course };
      };
      fates.push(replayOrder(order, known));
    }
    await yieldToEventLoop();
  }
  await facts.append('promises', rowsOf(fates, t0Ms));
  return { dataset: stock.name, phases, fates, demand };
}

function rowsOf(fates: readonly OrderFate[], t0Ms: number): FactRow[] {
  return fates.flatMap(({ order, lines, fate }, i) =>
    lines.map((line) => ({
      phase: order.phase,
      order_no: i + 1,
      at_ms: t0Ms + order.atMs,
      store_id: order.store,
      sku_id: line.sku,
      quantity: line.quantity,
      shown: line.shown,
      book: line.book,
      shelf: line.shelf,
      fate: line.fate,
      order_fate: fate,
    })),
  );
}
