import { hash32 } from '../../core/random.ts';
import type { Steps } from '../../generators/stock/stock-course.ts';

/** How late a view of the stock is. */
export type Lateness =
  /** Every change is visible after the same time. */
  | { readonly kind: 'constant'; readonly ms: number }
  /** Changes become visible together, at every multiple of the interval. */
  | { readonly kind: 'batches'; readonly everyMs: number }
  /** Every change takes a time that is drawn from measured ones, ms, ascending; +∞ is never. */
  | { readonly kind: 'measured'; readonly sortedMs: readonly number[] };

/** Mean time until a change is visible, ms. */
export function meanLatenessMs(lateness: Lateness): number {
  if (lateness.kind === 'constant') return lateness.ms;
  if (lateness.kind === 'batches') return lateness.everyMs / 2;
  const { sortedMs } = lateness;
  return sortedMs.reduce((sum, ms) => sum + ms, 0) / sortedMs.length;
}

/**
 * What a late view shows, from the true course of a row. A change that overtakes an older one hides it for good, as
 * by a version guard; what was true before t0 is shown from the beginning.
 */
export function shownLate({ atMs, value }: Steps, lateness: Lateness, row: string): Steps {
  const shownMs: number[] = [];
  const shown: number[] = [];
  for (const [i, changedMs] of atMs.entries()) {
    const visibleMs = visibleAt(changedMs, lateness, row);
    if (visibleMs === Number.POSITIVE_INFINITY) continue;
    while (shownMs.length > 0 && (shownMs.at(-1) as number) >= visibleMs) {
      shownMs.pop();
      shown.pop();
    }
    shownMs.push(visibleMs);
    shown.push(value[i] as number);
  }
  return { atMs: shownMs, value: shown };
}

function visibleAt(changedMs: number, lateness: Lateness, row: string): number {
  if (changedMs === Number.NEGATIVE_INFINITY) return changedMs;
  if (lateness.kind === 'constant') return changedMs + lateness.ms;
  if (lateness.kind === 'batches') {
    return Math.ceil(changedMs / lateness.everyMs) * lateness.everyMs;
  }
  const { sortedMs } = lateness;
  const drawn = hash32(0, 'lateness', row, changedMs) / 2 ** 32;
  return changedMs + (sortedMs[Math.floor(drawn * sortedMs.length)] as number);
}
