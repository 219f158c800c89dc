/**
 * A signal that aborts with `outer`, and after `limitMs` with a TimeoutError. `AbortSignal.any` with the signal of a
 * time-out is not one: Node 20 collects the time-out, which then never fires.
 */
export function limitedSignal(outer: AbortSignal, limitMs: number): AbortSignal {
  const own = new AbortController();
  if (outer.aborted) own.abort(outer.reason);
  const limit = AbortSignal.timeout(limitMs);
  const ended = { once: true, signal: own.signal };
  limit.addEventListener('abort', () => own.abort(limit.reason), { once: true });
  outer.addEventListener('abort', () => own.abort(outer.reason), ended);
  return own.signal;
}
