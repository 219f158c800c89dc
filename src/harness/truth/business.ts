import { FIRST_CANARY_SKU } from '../../generators/event.ts';
import type { Stream } from '../../scenario/scenario.ts';
import type { Finding, Rows, TablesUnderTest } from './oracle.ts';

/** What one kind of fault did to the business, counted in the tables. */
export interface FaultDistance {
  /** Real events that no row stands for: their id had been used, or they were damaged. */
  readonly dropped: Finding;
  /** Rows that stand for a repetition of something that is there already. */
  readonly leaked: Finding;
  /** Inventory keys that differ from BOOK because their newest image had this fault. */
  readonly keys: Finding;
  /** The sum of those keys' absolute errors. */
  readonly units: number;
}

/**
 * The distance of the tables from BOOK (what perfect processing of every unique event gives), per
 * kind of fault that occurred: the kinds of duplicate, `malformed`, and `none` for what no fault explains.
 * Above 0 when faults break identity, 0 to the unit when they are off.
 */
export type BusinessDistance = Readonly<Record<string, FaultDistance>>;

interface DistanceRow {
  readonly fault: string;
  readonly what: 'dropped' | 'leaked' | 'keys' | 'occurred';
  readonly count: number;
  readonly units: number;
  readonly examples: readonly string[] | string;
}

const FAULT = `CASE fault WHEN 'duplicate' THEN how WHEN 'malformed' THEN 'malformed' ELSE 'none' END`;
const EXAMPLES = 10;
const NOTHING: Finding = { count: 0, examples: [] };

/** Unique events and repetitions of an append stream against the rows that are really there. */
function appendDistanceSql(stream: Stream, table: string): string {
  return `
    WITH shown AS MATERIALIZED (
      SELECT event_id, min(kafka_ms) AS kafka_ms FROM ${table} WHERE store_id > 0 GROUP BY event_id
    ), sent AS (
      SELECT event_id, role, ${FAULT} AS fault,
        expect = 'row' AND shown.event_id IS NOT NULL AS stands
      FROM events LEFT JOIN shown USING (event_id)
      WHERE stream = '${stream}' AND role IN ('original', 'copy') AND acked_ms IS NOT NULL
    ), told AS (
      SELECT fault, 'occurred' AS what, NULL AS id FROM sent WHERE fault <> 'none'
      UNION ALL SELECT fault, 'dropped', event_id FROM sent WHERE role = 'original' AND NOT stands
      UNION ALL SELECT fault, 'leaked', event_id FROM sent WHERE role = 'copy' AND stands
    )
    SELECT fault, what, count(*)::BIGINT AS count, 0 AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM told GROUP BY ALL ORDER BY ALL`;
}

/**
 * BOOK's stock is the ledger's (the facts `book`). A key that differs is laid to the fault of its newest
 * unique image; to `none` when that image had none, which no fault explains.
 */
function stockDistanceSql(table: string): string {
  return `
    WITH shown AS MATERIALIZED (
      SELECT store_id, sku_id, arg_max(on_hand, version) AS on_hand FROM ${table}
      WHERE store_id > 0 AND sku_id < ${FIRST_CANARY_SKU} GROUP BY store_id, sku_id
    ), newest AS (
      SELECT store_id, sku_id, arg_max(${FAULT}, version) AS fault
      FROM events
      WHERE stream = 'inventory' AND role IN ('original', 'preload') AND acked_ms IS NOT NULL
      GROUP BY store_id, sku_id
    ), differing AS (
      SELECT coalesce(fault, 'none') AS fault, store_id || '/' || sku_id AS id,
        abs(coalesce(shown.on_hand, 0) - coalesce(book.on_hand, 0)) AS units
      FROM book FULL JOIN shown USING (store_id, sku_id)
        LEFT JOIN newest USING (store_id, sku_id)
      WHERE shown.on_hand IS DISTINCT FROM book.on_hand
    )
    SELECT fault, 'keys' AS what, count(*)::BIGINT AS count, sum(units)::BIGINT AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM differing GROUP BY ALL
    UNION ALL
    SELECT DISTINCT ${FAULT}, 'occurred', 0, 0, NULL FROM events
    WHERE stream = 'inventory' AND fault IS NOT NULL AND role IN ('original', 'copy')`;
}

/** Asks the tables, once everything has been drained, how far from BOOK they are. */
export async function distanceFromBook(
  rows: Rows,
  tables: TablesUnderTest,
): Promise<BusinessDistance> {
  const found: DistanceRow[] = [];
  for (const [stream, table] of Object.entries(tables.streams)) {
    const sql =
      stream === 'inventory' ? stockDistanceSql(table) : appendDistanceSql(stream as Stream, table);
    found.push(...(await rows<DistanceRow>(sql)));
  }
  const faults = [...new Set(found.map(({ fault }) => fault))].sort();
  return Object.fromEntries(
    faults.map((fault) => {
      const mine = found.filter((row) => row.fault === fault);
      const of = (what: DistanceRow['what']) => gathered(mine.filter((row) => row.what === what));
      const units = mine.reduce((total, row) => total + Number(row.units), 0);
      return [fault, { dropped: of('dropped'), leaked: of('leaked'), keys: of('keys'), units }];
    }),
  );
}

function gathered(rows: readonly DistanceRow[]): Finding {
  return rows.reduce<Finding>(
    (sum, { count, examples }) => ({
      count: sum.count + Number(count),
      examples: [...sum.examples, ...idsOf(examples)].slice(0, EXAMPLES),
    }),
    NOTHING,
  );
}

function idsOf(examples: readonly string[] | string | null): readonly string[] {
  return typeof examples === 'string' ? (JSON.parse(examples) as string[]) : (examples ?? []);
}
