import { type Random, random } from '../../core/random.ts';
import type { Stream } from '../../scenario/scenario.ts';

/** Randomness of one purpose in one store, each stream with its own: one more stream draws nothing from another's. */
export function perStream(
  seed: number,
  purpose: string,
  store: number,
): (stream: Stream) => Random {
  const made = new Map<Stream, Random>();
  return (stream) => {
    let own = made.get(stream);
    if (own === undefined) {
      own = random(seed, purpose, stream, store);
      made.set(stream, own);
    }
    return own;
  };
}
