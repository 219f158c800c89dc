import type { Stream } from '../../scenario/scenario.ts';
import type { TargetAddress } from '../load/targets/target.ts';
import { targetOf } from '../load/targets/targets.ts';
import { type RunNamespace, topicOf } from '../run-namespace.ts';
import type { Rows } from './tables-under-test.ts';

/** Acknowledged records of one partition compared with its log. */
export interface AppendedCount {
  readonly stream: Stream;
  readonly part: number;
  readonly acknowledged: number;
  /** Sent and never acknowledged: may be in the log or not. */
  readonly unanswered: number;
  readonly appended: number;
}

/** Number of records in the log of one partition. */
export interface AppendedLog {
  readonly stream: Stream;
  readonly part: number;
  readonly appended: number;
}

/** Counts the log of every partition of the streams' topics, including markers and canaries. */
export async function appendedLogs(
  target: TargetAddress,
  place: RunNamespace,
  streams: readonly Stream[],
): Promise<readonly AppendedLog[]> {
  const logs = await targetOf(target).logs(
    target,
    streams.map((stream) => topicOf(place, stream)),
  );
  return streams.flatMap((stream) =>
    (logs.get(topicOf(place, stream)) ?? []).map(({ partition, low, high }) => ({
      ...{ stream, part: partition, appended: Number(high - low) },
    })),
  );
}

/**
 * Compares the facts with the logs. A difference that unanswered records do not explain makes a run INVALID: another
 * program wrote to the topic, or an acknowledged record was lost.
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
