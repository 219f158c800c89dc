import { DAY_KINDS } from '../../scenario/recording.ts';
import { cumulated, type Look } from './look.ts';

/** How far two looks are apart, by what one would ask of a stream; 0 is alike, 1 has nothing in common. */
export interface Distances {
  /** Largest difference of the shares of receipts with so many lines at most (Kolmogorov–Smirnov). */
  readonly baskets: number;
  /** Largest difference of the shares of lines that PORTIONS of the products have. */
  readonly popularity: number;
  /** The first one's exponent minus the other's. */
  readonly exponent: number;
  /** Differences of what StoreDifferences has; null: one of the looks has too few stores. */
  readonly overlap: number | null;
  readonly spread: number | null;
  /** The first one's exponent of the categories minus the other's; null: one has no categories. */
  readonly categories: number | null;
  /** Share of lines that would have to have another quantity (total variation). */
  readonly quantities: number;
  /** Largest difference of the shares of prices up to an edge. */
  readonly prices: number;
  /** Share of a day's receipts that would have to be in another hour, of the kind of day where it is most. */
  readonly hours: number | null;
}

/** Compares a look with the one it should have. */
export function distancesOf(look: Look, other: Look): Distances {
  const hours = DAY_KINDS.flatMap((kind) => {
    const [one, two] = [look.hours[kind], other.hours[kind]];
    return one === null || two === null ? [] : [variation(one, two)];
  });
  return {
    baskets: furthest(cumulated(look.baskets), cumulated(other.baskets)),
    popularity: furthest([look.top, ...look.tops], [other.top, ...other.tops]),
    exponent: look.exponent - other.exponent,
    overlap: difference(look.stores?.overlap, other.stores?.overlap),
    spread: difference(look.stores?.spread, other.stores?.spread),
    categories: difference(look.categories, other.categories),
    quantities: variation(look.quantities, other.quantities),
    prices: furthest(look.prices, other.prices),
    hours: hours.length === 0 ? null : Math.max(...hours),
  };
}

function difference(one: number | null | undefined, two: number | null | undefined): number | null {
  return one == null || two == null ? null : one - two;
}

function differences(one: readonly number[], two: readonly number[]): readonly number[] {
  return one.map((value, i) => Math.abs(value - (two[i] ?? 0)));
}

function furthest(one: readonly number[], two: readonly number[]): number {
  return Math.max(...differences(one, two));
}

function variation(one: readonly number[], two: readonly number[]): number {
  return differences(one, two).reduce((sum, value) => sum + value, 0) / 2;
}
