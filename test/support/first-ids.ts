import type { IsFirst } from '../../src/generators/contract.ts';

/** Remembers the event ids of each stream in memory. */
export function firstIds(): IsFirst {
  const seen = new Set<string>();
  return (stream, id) => {
    const before = seen.size;
    return seen.add(`${stream}/${id}`).size > before;
  };
}
