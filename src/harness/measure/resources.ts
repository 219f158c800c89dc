import type { Connection } from '../clients/duckdb.ts';

/**
 * CPU seconds that each server used between two samples. A counter that went back belongs to a new
 * process: all it shows was used since.
 */
export const USED = `
  SELECT server, lag(at_ms) OVER w AS from_ms, at_ms AS to_ms,
    CASE WHEN cpu_s < lag(cpu_s) OVER w THEN cpu_s ELSE cpu_s - lag(cpu_s) OVER w END AS cpu_s
  FROM resources WHERE cpu_s IS NOT NULL
  WINDOW w AS (PARTITION BY server ORDER BY at_ms)
  QUALIFY from_ms IS NOT NULL`;

/**
 * Core-seconds of a server in [fromMs, toMs); of a sample that lies partly within, that part.
 * undefined: nobody looked.
 */
export async function coreSeconds(
  sql: Connection,
  server: string,
  fromMs: number,
  toMs: number,
): Promise<number | undefined> {
  const [row] = await sql.rows<{ cpu: number | null }>(
    `SELECT sum(cpu_s * (least(to_ms, $to) - greatest(from_ms, $from)) / (to_ms - from_ms)) AS cpu
     FROM (${USED}) WHERE server = $server AND to_ms > $from AND from_ms < $to AND to_ms > from_ms`,
    { server, from: fromMs, to: toMs },
  );
  return row?.cpu ?? undefined;
}
