/** Progress of a load or of a part of it: counts since begin, times of the last half second. */
export interface LoadProgress {
  /** Due by now, as far as the tape has been read; handed to the client; acknowledged by the broker. */
  readonly scheduled: number;
  readonly handedOver: number;
  readonly acknowledged: number;
  /** Hand-over minus intended send, p99 and maximum of the worst thread, ms; null: nothing was sent. */
  readonly slipP99Ms: number | null;
  readonly slipMaxMs: number | null;
  /** How late the oldest message is that has not been handed over, ms. */
  readonly behindMs: number;
}

/** Progress of several parts together: the sum of each count, the maximum of each time. */
export function joinProgress(parts: readonly LoadProgress[]): LoadProgress {
  const sum = (of: (part: LoadProgress) => number) =>
    parts.reduce((total, part) => total + of(part), 0);
  const worst = (of: (part: LoadProgress) => number | null) =>
    parts.reduce<number | null>((most, part) => {
      const one = of(part);
      return one === null ? most : Math.max(most ?? one, one);
    }, null);
  return {
    scheduled: sum((part) => part.scheduled),
    handedOver: sum((part) => part.handedOver),
    acknowledged: sum((part) => part.acknowledged),
    slipP99Ms: worst((part) => part.slipP99Ms),
    slipMaxMs: worst((part) => part.slipMaxMs),
    behindMs: worst((part) => part.behindMs) ?? 0,
  };
}
