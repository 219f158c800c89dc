import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The collector of a process that was not started with --expose-gc. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

let collect: (() => void) | undefined;

/** Bytes that are in use after a collection, on V8's heap and outside of it. */
export async function usedBytes(): Promise<number> {
  collect ??= collector();
  // What lies outside of the heap is freed between two collections.
  for (let round = 0; round < 3; round++) {
    collect();
    await setTimeout(20);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
