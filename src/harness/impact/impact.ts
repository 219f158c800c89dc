import { grouped } from '../../core/grouped.ts';
import { yieldToEventLoop } from '../../core/yield-to-event-loop.ts';
import { stockCourses } from '../../generators/stock/stock-course.ts';
import { pickupOrders } from '../../generators/streams/pickups.ts';
import type { PromisePhase } from '../../record/record.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { measuredPhases } from '../../scenario/timeline.ts';
import { promiseSection } from '../measure/promises.ts';
import { Demand } from '../truth/promises/demand.ts';
import { type OrderFate, replayOrder } from '../truth/promises/promises.ts';
import { type Lateness, meanLatenessMs, shownLate } from './late-view.ts';
import { type SafetyStock, safetyStock } from './safety-stock.ts';

/** A view of the stock, by the name that the user gave it. */
export interface LateView {
  readonly label: string;
  readonly lateness: Lateness;
}

/** What a late view costs, per measured phase. */
interface Impact {
  readonly label: string;
  /** Mean time until a change is visible, ms; null: some never are. */
  readonly meanMs: number | null;
  readonly phases: readonly (PromisePhase & { readonly safetyStock: SafetyStock | null })[];
}

/** Share of the lines broken by lateness that the safety stock shall prevent. */
const PREVENTED = 0.99;

/**
 * Replays pickup orders against views of the stock that are late in a known way, in the generated world and without a
 * server. All views see the same orders and the same sales. Throws the signal's reason when it aborts.
 */
export async function impactOf(
  scenario: Scenario,
  views: readonly LateView[],
  {
    orders: count,
    signal,
    onStore,
  }: {
    /** Mean number of pickup orders. */
    readonly orders: number;
    readonly signal: AbortSignal;
    readonly onStore: (done: number, of: number) => void;
  },
): Promise<readonly Impact[]> {
  const phases = measuredPhases(scenario);
  const byStore = grouped([...pickupOrders(scenario, count)], ({ store }) => store);
  const demand = new Demand(phases);
  const fates = views.map((): OrderFate[] => []);
  let done = 0;
  for (const [store, orders] of byStore) {
    signal.throwIfAborted();
    const untilMs = (orders.at(-1)?.atMs ?? -1) + 1;
    const skus = new Set(orders.flatMap(({ lines }) => lines.map(({ sku }) => sku)));
    const courses = stockCourses(scenario, store, skus, untilMs);
    demand.add(store, courses);
    for (const [i, { lateness }] of views.entries()) {
      const known = new Map(
        Array.from(courses, ([sku, course]) => [
          sku,
          { course, shown: shownLate(course.book, lateness, `${store}/${sku}`) },
        ]),
      );
      for (const order of orders) {
        fates[i]?.push(
          replayOrder(order, (sku) => {
            const found = known.get(sku);
            if (found === undefined) throw new Error(`no course of SKU ${sku} in store ${store}`);
            return found;
          }),
        );
      }
    }
    onStore(++done, byStore.size);
    await yieldToEventLoop();
  }
  return views.map(({ label, lateness }, i) => {
    const own = fates[i] as OrderFate[];
    const mean = meanLatenessMs(lateness);
    const meanMs = Number.isFinite(mean) ? mean : null;
    const { phases: judged } = promiseSection({ phases, fates: own, demand }, () => meanMs);
    return {
      ...{ label, meanMs },
      phases: judged.map((one) => ({
        ...one,
        safetyStock: safetyStock(
          own.filter(({ order }) => order.phase === one.phase),
          PREVENTED,
        ),
      })),
    };
  });
}
