import type { Stream } from '../../scenario/scenario.ts';
import type { KafkaAdmin } from '../clients/kafka-admin.ts';
import { type Place, topicOf } from '../pipelines/place.ts';
import type { Rows } from './tables-under-test.ts';

/** One partition: what the broker acknowledged to us against what its log holds. */
export interface AppendedCount {
  readonly stream: Stream;
  readonly part: number;
  readonly acknowledged: number;
  /** Handed over and never answered: may be in the log or not. */
  readonly unanswered: number;
  readonly appended: number;
}

/**
 * Counts the log of every partition of the streams' topics and sets it beside the facts, markers and
 * canaries included. Anything but equality (when nothing is unanswered) makes a run INVALID: someone
 * else wrote to the topic, or an acknowledgement was not one.
 */
export async function appendedCounts(
  admin: Pick<KafkaAdmin, 'logs'>,
  rows: Rows,
  place: Place,
  streams: readonly Stream[],
): Promise<readonly AppendedCount[]> {
  const facts = await rows<{ stream: string; part: number; acked: number; unanswered: number }>(`
    SELECT stream, part, count(acked_ms)::BIGINT AS acked,
      (count(*) - count(acked_ms))::BIGINT AS unanswered
    FROM events GROUP BY stream, part`);
  const counts: AppendedCount[] = [];
  for (const stream of streams) {
    for (const { partition, low, high } of await admin.logs(topicOf(place, stream))) {
      const mine = facts.find((fact) => fact.stream === stream && fact.part === partition);
      counts.push({
        stream,
        part: partition,
        acknowledged: Number(mine?.acked ?? 0),
        unanswered: Number(mine?.unanswered ?? 0),
        appended: Number(high - low),
      });
    }
  }
  return counts;
}
