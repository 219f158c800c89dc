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

/** What the log of one partition holds. */
export interface AppendedLog {
  readonly stream: Stream;
  readonly part: number;
  readonly appended: number;
}

/** Counts the log of every partition of the streams' topics, markers and canaries included. */
export async function appendedLogs(
  admin: Pick<KafkaAdmin, 'logs'>,
  place: Place,
  streams: readonly Stream[],
): Promise<readonly AppendedLog[]> {
  const logs: AppendedLog[] = [];
  for (const stream of streams) {
    for (const { partition, low, high } of await admin.logs(topicOf(place, stream))) {
      logs.push({ stream, part: partition, appended: Number(high - low) });
    }
  }
  return logs;
}

/**
 * Sets the facts beside the logs. Anything but equality (when nothing is unanswered) makes a run INVALID:
 * someone else wrote to the topic, or an acknowledgement was not one.
 */
export async function appendedCounts(
  rows: Rows,
  logs: readonly AppendedLog[],
): Promise<readonly AppendedCount[]> {
  const facts = await rows<{ stream: string; part: number; acked: number; unanswered: number }>(`
    SELECT stream, part, count(acked_ms)::BIGINT AS acked,
      (count(*) - count(acked_ms))::BIGINT AS unanswered
    FROM events GROUP BY stream, part`);
  return logs.map((log) => {
    const mine = facts.find((fact) => fact.stream === log.stream && fact.part === log.part);
    return {
      ...log,
      acknowledged: Number(mine?.acked ?? 0),
      unanswered: Number(mine?.unanswered ?? 0),
    };
  });
}
