import { statisticOf } from '../../core/stats.ts';
import { FIRST_CANARY_SKU } from '../../generators/event.ts';
import type { FactRow } from '../facts.ts';
import type { CommitRead } from './visibility.ts';

/** Staleness of the rows of a commit that count: of changes since `sinceMs`, in real stores and of real products. */
export function countedStaleness(
  sightings: readonly FactRow[],
  { seenMs, sinceMs }: { readonly seenMs: number; readonly sinceMs: number },
): CommitRead['staleness'] {
  const counted = sightings
    .filter(
      ({ occurred_ms: at, store_id: store, sku_id: sku }) =>
        at !== null &&
        Number(at) >= sinceMs &&
        Number(store ?? 1) > 0 &&
        Number(sku ?? 1) < FIRST_CANARY_SKU,
    )
    .map(({ occurred_ms: at }) => seenMs - Number(at))
    .sort((a, b) => a - b);
  return counted.length === 0
    ? null
    : { p50: statisticOf(counted, 'p50'), p99: statisticOf(counted, 'p99') };
}
