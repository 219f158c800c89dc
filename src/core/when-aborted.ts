/** Calls `work` when the signal aborts, or at once if it has, until it is disposed of: a signal may outlive who listens to it. */
export function whenAborted(signal: AbortSignal, work: () => void): Disposable {
  signal.addEventListener('abort', work, { once: true });
  if (signal.aborted) work();
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', work) };
}
