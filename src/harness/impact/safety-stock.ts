import type { OrderFate } from '../truth/promises/promises.ts';

/** Units that a shop withholds from its promises, and what that prevents and costs. */
export interface SafetyStock {
  readonly units: number;
  /** Lines that broke because the view was late, and those of them that would not have been promised. */
  readonly stale: number;
  readonly prevented: number;
  /** Lines that were promised and kept, and those of them that would have been refused. */
  readonly kept: number;
  readonly refused: number;
}

/**
 * The least number of withheld units that prevents this share of the lines that broke because the view was late: a line
 * is promised if the view shows its quantity and the withheld units. null: no such line broke.
 */
export function safetyStock(fates: readonly OrderFate[], share: number): SafetyStock | null {
  const spare = (wanted: 'stale' | 'kept') =>
    fates.flatMap(({ lines }) =>
      lines.filter(({ fate }) => fate === wanted).map(({ shown, quantity }) => shown - quantity),
    );
  const stale = spare('stale').sort((a, b) => a - b);
  if (stale.length === 0) return null;
  const kept = spare('kept');
  const last = stale[Math.ceil(share * stale.length) - 1] as number;
  const units = last + 1;
  const below = (all: readonly number[]) => all.filter((one) => one < units).length;
  return {
    ...{ units, stale: stale.length, prevented: below(stale) },
    ...{ kept: kept.length, refused: below(kept) },
  };
}
