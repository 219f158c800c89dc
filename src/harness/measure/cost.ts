import { ALL_APIS, MACHINE } from '../../record/facts.ts';
import type { Cost, Metric } from '../../record/record.ts';
import { OF_THE_TAPE } from '../truth/event-sql.ts';
import type { Measuring } from './context.ts';
import { scalar } from './metric.ts';
import { USED } from './resources.ts';

/** Core-seconds and memory of every server, S3 traffic, and bytes written per byte that was accepted. */
export async function costSection({ sql }: Measuring): Promise<Cost> {
  const used = await sql.rows<{ server: string; cpu: number | null; rss: number | null }>(`
    WITH used AS (${USED})
    SELECT r.server, (SELECT sum(cpu_s) FROM used u WHERE u.server = r.server) AS cpu,
      max(r.rss_bytes) AS rss
    FROM resources_here r GROUP BY r.server ORDER BY r.server`);
  // A number without a sample is left out: 0 would mean that the server was idle.
  const servers = used.map(({ server, cpu, rss }) => ({
    server,
    ...(cpu === null ? {} : { coreSeconds: cpu }),
    ...(rss === null ? {} : { rssMaxBytes: rss }),
  }));
  const machine = servers.find(({ server }) => server === MACHINE);
  const [s3] = await sql.rows<{ requests: number; bytes_in: number; bytes_out: number; n: number }>(
    `SELECT coalesce(sum(${increase('requests')}), 0)::BIGINT AS requests,
       coalesce(sum(${increase('bytes_in')}), 0)::BIGINT AS bytes_in,
       coalesce(sum(${increase('bytes_out')}), 0)::BIGINT AS bytes_out, count(*) AS n
     FROM (SELECT *, lag(requests) OVER w AS requests_before, lag(bytes_in) OVER w AS bytes_in_before,
         lag(bytes_out) OVER w AS bytes_out_before
       FROM s3 WHERE api = '${ALL_APIS}' WINDOW w AS (ORDER BY at_ms))`,
  );
  const traffic = s3 && s3.n > 1 ? s3 : null;
  return {
    servers: servers.filter(({ server }) => server !== MACHINE),
    ...(machine?.coreSeconds === undefined ? {} : { machineCoreSeconds: machine.coreSeconds }),
    s3: traffic && {
      requests: traffic.requests,
      bytesIn: traffic.bytes_in,
      bytesOut: traffic.bytes_out,
    },
    writeAmplification: traffic && (await amplification({ sql }, traffic.bytes_in)),
  };
}

/** Increase of a counter since the sample before. A lower value means that the object store was restarted. */
export function increase(counter: string): string {
  const before = `${counter}_before`;
  return `CASE WHEN ${counter} < ${before} THEN ${counter} ELSE ${counter} - ${before} END`;
}

/**
 * Bytes that the object store received, divided by the bytes of the values that CONTRACT requires to be
 * shown, and by those of the files that Flink added (not a rewrite). Both are counted from the first
 * sample of the object store on.
 */
async function amplification(
  { sql }: Pick<Measuring, 'sql'>,
  bytesIn: number,
): Promise<Cost['writeAmplification']> {
  const [row] = await sql.rows<{ kafka: number; data: number }>(`
    WITH since AS (SELECT min(at_ms) AS at_ms FROM s3)
    SELECT
      (SELECT coalesce(sum(bytes), 0)::BIGINT FROM events, since
        WHERE ${OF_THE_TAPE} AND expect = 'row' AND kafka_ms >= since.at_ms) AS kafka,
      (SELECT coalesce(sum(added_bytes), 0)::BIGINT FROM commits, since
        WHERE operation <> 'replace' AND snapshot_ms >= since.at_ms) AS data`);
  if (!row || row.kafka === 0 || row.data === 0) return null;
  return {
    kafkaBytes: row.kafka,
    dataFileBytes: row.data,
    overKafka: bytesIn / row.kafka,
    overData: bytesIn / row.data,
  };
}

/** `cost` of every server, and `write_amplification` where it is known. */
export function costMetrics({ servers, writeAmplification }: Cost): Metric[] {
  const costs = servers.flatMap(({ server, coreSeconds }) =>
    coreSeconds === undefined ? [] : [scalar('cost', { of: server, phase: null }, 1, coreSeconds)],
  );
  if (!writeAmplification) return costs;
  const { overKafka } = writeAmplification;
  return [...costs, scalar('write_amplification', { of: null, phase: null }, 1, overKafka)];
}
