import type { Random } from '../../core/random.ts';
import { preloadOf } from '../../generators/tape.ts';
import type { Scenario } from '../../scenario/scenario.ts';

/**
 * Draws rows for lookup queries: a store and one of the SKUs it carries, so that a lookup finds a row.
 */
export function lookupKeys(
  scenario: Scenario,
): (draw: Random) => { readonly store: number; readonly sku: number } {
  const carried = new Map<number, readonly number[]>();
  return (draw) => {
    const store = 1 + draw.integer(scenario.retail.stores);
    let skus = carried.get(store);
    if (skus === undefined) {
      skus = [...preloadOf(scenario, [store])].flatMap(({ truth }) =>
        truth.row ? [truth.row.sku] : [],
      );
      carried.set(store, skus);
    }
    return { store, sku: skus[draw.integer(Math.max(1, skus.length))] ?? 1 };
  };
}
