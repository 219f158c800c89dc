import { storeHash, type World } from '../world/world.ts';

const made = new WeakMap<World, Map<string, ReadonlySet<number>>>();

/**
 * The stores that something befalls: a share of them, one at least, and the same ones however large the
 * rest of the chain's share is (a larger share only adds to a smaller one's).
 */
export function chosenStores(world: World, what: string, share: number): ReadonlySet<number> {
  const key = `${what} ${share}`;
  const known = made.get(world) ?? new Map<string, ReadonlySet<number>>();
  made.set(world, known);
  let chosen = known.get(key);
  if (chosen === undefined) {
    chosen = choose(world, what, share);
    known.set(key, chosen);
  }
  return chosen;
}

function choose(world: World, what: string, share: number): ReadonlySet<number> {
  if (share === 0) return new Set();
  const count = Math.max(1, Math.round(share * world.stores.length));
  const drawn = world.stores.map(({ number }) => ({ number, at: storeHash(world, number, what) }));
  drawn.sort((a, b) => a.at - b.at || a.number - b.number);
  return new Set(drawn.slice(0, count).map(({ number }) => number));
}
