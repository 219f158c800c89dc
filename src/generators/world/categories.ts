import { zipfMandelbrot } from '../../core/distributions.ts';
import { hash32 } from '../../core/random.ts';

/** Categories of products, and the s of their shares of the lines, rank^-s: those of 9,835 grocery baskets (groceries.csv). */
export const CATEGORIES = 169;
export const CATEGORY_EXPONENT = 0.8;

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

const weights = zipfMandelbrot(CATEGORIES, CATEGORY_EXPONENT, 0);
const total = weights.reduce((sum, weight) => sum + weight, 0);
let sum = 0;
/** Share of the categories up to each. */
const upTo = weights.map((weight) => {
  sum += weight;
  return sum / total;
});

/**
 * The category of the SKU of this rank, from 1 (the largest). Multiples of the golden ratio, modulo 1, cover the
 * interval evenly over every run of ranks: a category has its share of the popular SKUs and of the rare ones.
 */
export function categoryOf(seed: number, rank: number): number {
  const start = hash32(seed, 'categories') / 0x1_0000_0000;
  const at = (start + rank * GOLDEN_RATIO) % 1;
  const i = upTo.findIndex((share) => at < share);
  return i < 0 ? CATEGORIES : i + 1;
}
