import { STOCK, type Stream } from '../scenario/scenario.ts';

/** Tables of the stores' database that change data capture reads: a row per store and product, and a row per event. */
export const CAPTURED = ['outbox', 'stock'] as const;
export type CapturedTable = (typeof CAPTURED)[number];

/** The table that a stream's messages go to. */
export function capturedTableOf(stream: Stream): CapturedTable {
  return stream === STOCK ? 'stock' : 'outbox';
}

/** Topic of the messages of a topic that were refused: each is a row of the outbox. */
export function refusedTopic(topic: string): string {
  return `${topic}-refused`;
}

/** The topics that the changes of a table of the database go to, for these streams. */
export function topicsOfCaptured(
  table: CapturedTable,
  streams: readonly Stream[],
): readonly string[] {
  const own = streams.filter((stream) => capturedTableOf(stream) === table);
  return table === 'outbox' ? [...own, ...streams.map(refusedTopic)] : own;
}
