import { AliasTable } from '../../core/distributions.ts';
import { power } from '../../core/power.ts';
import { random } from '../../core/random.ts';
import { curveRanks, type Look, MANDELBROT_Q, popularityOf } from './look.ts';

/** s of the law that a popularity curve is converted by. */
const S = 0.74;

/**
 * The look with the popularity that it would have with so many products, of which so many lines are sampled:
 * shares of the most frequent 1 % depend on both. With another number of products, a rank stands for the ranks of
 * the same portion of them, but for the flattening of (rank + q)^-s at the top, which is in ranks: the best seller of
 * a small chain is not the 30 best sellers of a large one.
 */
export function equallySampled(
  look: Look,
  { products, lines }: { readonly products: number; readonly lines: number },
): Look {
  const table = new AliasTable(weightsAt(look, products));
  const own = random(0, 'equally-sampled');
  const counts = new Float64Array(products);
  for (let i = 0; i < lines; i++) {
    const rank = table.draw(own);
    counts[rank] = (counts[rank] as number) + 1;
  }
  return {
    ...look,
    ...popularityOf(
      counts.filter((count) => count > 0),
      products,
    ),
  };
}

/** Share of the lines by rank, if there were so many products; see equallySampled. */
function weightsAt(look: Look, products: number): Float64Array {
  const share = shareUpTo(look);
  const per = look.products / products;
  // (rank + q)^-s as an integral over (rank - 1, rank), but for a factor.
  const law = (rank: number, q: number) => power(rank + q, 1 - S) - power(rank - 1 + q, 1 - S);
  const q = MANDELBROT_Q + 0.5;
  return Float64Array.from({ length: products }, (_, i) => {
    const portion = share((i + 1) * per) - share(i * per);
    return (portion * law(i + 1, q)) / law(i + 1, q / per);
  });
}

/** The curve of a look at any rank, whole or not: between its points linear in the logarithm of the rank. */
function shareUpTo({ curve, products }: Look): (rank: number) => number {
  const ranks = curveRanks(products);
  let at = 0;
  return (rank) => {
    if (rank <= 1) return rank * (curve[0] as number);
    // Ranks are looked up in ascending order.
    if (rank < (ranks[at] as number)) at = 0;
    while (at < ranks.length - 2 && (ranks[at + 1] as number) < rank) at++;
    const [from, to] = [ranks[at] as number, ranks[at + 1] as number];
    const [low, high] = [curve[at] as number, curve[at + 1] as number];
    return low + ((high - low) * Math.log(Math.min(rank, to) / from)) / Math.log(to / from);
  };
}
