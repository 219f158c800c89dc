/** Lets other work of the process go on: to be awaited every so often in long computations. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
