import { type Random, random } from '../../core/random.ts';
import type { Stream } from '../../scenario/scenario.ts';

/** Randomness of one purpose in one store, each stream with its own: one more stream draws nothing from another's. */
export function perStream(
  seed: number,
  purpose: string,
  store: number,
): (stream: Stream) => Random {
  const made: Partial<Record<Stream, Random>> = {};
  return (stream) => {
    made[stream] ??= random(seed, purpose, stream, store);
    return made[stream];
  };
}
