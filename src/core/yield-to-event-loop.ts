/** Lets other work of the process run; to be awaited regularly in long computations. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
