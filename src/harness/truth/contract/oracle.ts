import { FIRST_CANARY_SKU } from '../../../generators/event.ts';
import { STREAMS, type Stream } from '../../../scenario/scenario.ts';
import { EXAMPLES, type Finding, type FoundRow, gathered } from '../finding.ts';
import type { Rows, TablesUnderTest } from '../tables-under-test.ts';
import { ledgerSql } from './ledger.ts';

/** The tables against CONTRACT: everything here must be 0. */
export interface ContractJudgement {
  /**
   * Rows CONTRACT demands and no table has: of an upsert, keys that miss their newest version; of a
   * ledger, every version that is missing; of both, one that is there and not as deleted as it was sent.
   */
  readonly lost: Finding;
  /** Rows a table has more often than CONTRACT allows. */
  readonly duplicated: Finding;
  /**
   * The same by the kind of duplicate that leaked. Beside those of the scenario: `none` (shown twice
   * though sent once), `damaged` (a damaged record shown as a row), `unknown` (never sent).
   */
  readonly duplicatedByKind: Readonly<Record<string, Finding>>;
  /** Rows that stem from another append than the first of their event id. */
  readonly wrongCopy: Finding;
  /** Inventory keys with a wrong value, and the sum of their absolute on-hand errors in units. */
  readonly wrong: Finding & { readonly units: number };
  /** Up to ten ids per finding and table, so that each can be looked up. */
  readonly examples: readonly Example[];
  /** The same findings per stream, and for the dead letters. */
  readonly byStream: Readonly<Record<string, StreamFindings>>;
  /** Rows that CONTRACT demands, so that 0 findings of 0 rows is told from 0 of many. */
  readonly demanded: number;
  /** Inventory keys that were compared. */
  readonly keys: number;
}

interface StreamFindings {
  readonly lost: number;
  readonly duplicated: number;
  readonly demanded: number;
}

/** Of which stream's table, or of the dead letters', something was found. */
export interface Example {
  readonly finding: FindingRow['finding'];
  readonly of: Stream | 'dead_letter';
  readonly id: string;
}

interface FindingRow extends FoundRow {
  readonly finding: 'lost' | 'duplicated' | 'wrong_copy' | 'wrong';
  readonly how: string | null;
  readonly units: number;
}

/** The harness's own records are in no count. */
const OURS = `role NOT IN ('marker', 'canary')`;

/** Rows of a table, the harness's own left out: it knows its dead letters by their place in the log. */
export function foundSql(name: Stream | 'dead_letter', table: string): string {
  const count = `SELECT count(*)::INTEGER AS n FROM ${table}`;
  if (name === 'inventory') return `${count} WHERE store_id > 0 AND sku_id < ${FIRST_CANARY_SKU}`;
  if (name !== 'dead_letter') return `${count} WHERE store_id > 0`;
  return `${count} AS letter WHERE NOT EXISTS (
    SELECT 1 FROM events WHERE role = 'marker' AND stream = letter.topic
      AND events.part = letter.part AND events.kafka_offset = letter.kafka_offset)`;
}

/**
 * What was appended to an append-only table's topic against the rows of the table. Messages without
 * an acknowledgement may have been appended or not: they are known, and not demanded.
 */
function appendSql(stream: Stream, table: string): string {
  return `
    WITH got AS MATERIALIZED (
      SELECT event_id, count(*) AS n, min(kafka_ms) AS kafka_ms
      FROM ${table} WHERE store_id > 0 GROUP BY event_id
    ), sent AS MATERIALIZED (
      SELECT event_id,
        bool_or(expect = 'row' AND acked_ms IS NOT NULL) AS demanded,
        bool_and(expect = 'dead_letter') AS damaged,
        max(kafka_ms) FILTER (expect = 'row') AS kafka_ms,
        string_agg(DISTINCT how, '+' ORDER BY how) FILTER (fault = 'duplicate') AS how
      FROM events WHERE stream = '${stream}' AND ${OURS} GROUP BY event_id
    ), joined AS (
      SELECT event_id, coalesce(n, 0) AS n, coalesce(demanded, false) AS demanded,
        CASE WHEN demanded IS NULL THEN 'unknown' WHEN damaged THEN 'damaged'
             ELSE coalesce(how, 'none') END AS how,
        got.kafka_ms <> sent.kafka_ms AS other_append,
        CASE WHEN demanded IS NULL OR damaged THEN 0 ELSE 1 END AS allowed
      FROM sent FULL JOIN got USING (event_id)
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, event_id, 1 AS n FROM joined WHERE demanded AND n = 0
      UNION ALL
      SELECT 'duplicated', how, event_id, n - allowed FROM joined WHERE n > allowed
      UNION ALL
      SELECT 'wrong_copy', how, event_id, 1 FROM joined WHERE n > 0 AND other_append
    )
    SELECT finding, how, sum(n)::BIGINT AS count, 0 AS units,
      to_json(min(event_id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}

/**
 * The newest image of every key against the table: a key is lost when its newest version is not there, or is
 * there without its deletion.
 */
function inventorySql(table: string, { absent }: Pick<TablesUnderTest, 'absent'>): string {
  return `
    WITH got AS MATERIALIZED (
      SELECT store_id, sku_id, count(*) AS n, max(version) AS version,
        arg_max(on_hand, version) AS on_hand,
        arg_max(coalesce(deleted, false), version) AS deleted
      FROM ${table} WHERE store_id > 0 AND sku_id < ${FIRST_CANARY_SKU} GROUP BY store_id, sku_id
    ), want AS MATERIALIZED (
      SELECT store_id, sku_id, max(version) AS version, arg_max(on_hand, version) AS on_hand,
        arg_max(coalesce(deleted, false), version) AS deleted
      FROM events
      WHERE stream = 'inventory' AND ${OURS} AND expect = 'row' AND acked_ms IS NOT NULL
      GROUP BY store_id, sku_id
    ), joined AS (
      SELECT store_id || '/' || sku_id AS id, coalesce(n, 0) AS n,
        want.version AS wanted, got.version AS shown,
        abs(coalesce(want.on_hand, 0) - coalesce(got.on_hand, 0)) AS units,
        want.on_hand IS DISTINCT FROM got.on_hand AS differs,
        ${absent.includes('inventory.deleted') ? 'false' : 'want.deleted <> got.deleted'} AS undone
      FROM want FULL JOIN got USING (store_id, sku_id)
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, id, 1 AS n, 0 AS units FROM joined
      WHERE wanted IS NOT NULL AND (shown IS NULL OR shown < wanted OR shown = wanted AND undone)
      UNION ALL
      SELECT 'duplicated', CASE WHEN wanted IS NULL THEN 'unknown' ELSE 'none' END, id,
        n - (wanted IS NOT NULL)::INTEGER, 0
      FROM joined WHERE n > (wanted IS NOT NULL)::INTEGER
      UNION ALL
      SELECT 'wrong', NULL, id, 1, units FROM joined WHERE differs
    )
    SELECT finding, how, sum(n)::BIGINT AS count, sum(units)::BIGINT AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}

/** Damaged records by where they lie in Kafka: each is among the dead letters exactly once, and nothing else. */
function deadLetterSql(table: string, streams: readonly Stream[]): string {
  return `
    WITH got AS MATERIALIZED (
      SELECT topic AS stream, part, kafka_offset, count(*) AS n
      FROM ${table} GROUP BY topic, part, kafka_offset
    ), want AS (
      SELECT stream, part, kafka_offset, event_id, role, expect FROM events
      WHERE acked_ms IS NOT NULL AND stream IN (${streams.map((s) => `'${s}'`).join(', ')})
    ), joined AS (
      SELECT coalesce(event_id, stream || '/' || part || '/' || kafka_offset) AS id,
        coalesce(n, 0) AS n, expect,
        coalesce(role, '') IN ('marker', 'canary') AS ours
      FROM want FULL JOIN got USING (stream, part, kafka_offset)
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, id, 1 AS n FROM joined
      WHERE expect = 'dead_letter' AND n = 0 AND NOT ours
      UNION ALL
      SELECT 'duplicated', CASE expect WHEN 'dead_letter' THEN 'none' ELSE 'sound' END, id,
        n - (expect IS NOT DISTINCT FROM 'dead_letter')::INTEGER
      FROM joined WHERE n > (expect IS NOT DISTINCT FROM 'dead_letter')::INTEGER AND NOT ours
    )
    SELECT finding, how, sum(n)::BIGINT AS count, 0 AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}

function stockSql(tables: TablesUnderTest, table: string): string {
  return tables.ledger ? ledgerSql(table, tables) : inventorySql(table, tables);
}

interface DemandedRow {
  readonly stream: Stream;
  readonly rows: number;
  readonly keys: number;
  readonly images: number;
  readonly damaged: number;
}

function demandedSql(): string {
  return `
    SELECT stream, count(DISTINCT event_id) FILTER (expect = 'row' AND stream <> 'inventory')::BIGINT
        AS rows,
      count(DISTINCT (store_id, sku_id)) FILTER (expect = 'row' AND stream = 'inventory')::BIGINT
        AS keys,
      count(DISTINCT (store_id, sku_id, version))
        FILTER (expect <> 'dead_letter' AND stream = 'inventory')::BIGINT AS images,
      count(*) FILTER (expect = 'dead_letter')::BIGINT AS damaged
    FROM events WHERE ${OURS} AND acked_ms IS NOT NULL GROUP BY stream`;
}

/** Compares the tables with CONTRACT, once everything has been drained. */
export async function judgeContract(
  rows: Rows,
  tables: TablesUnderTest,
): Promise<ContractJudgement> {
  const used = STREAMS.filter((stream) => tables.streams[stream] !== undefined);
  const counts = await rows<DemandedRow>(demandedSql());
  const found = new Map<Stream | 'dead_letter', readonly FindingRow[]>();
  for (const stream of used) {
    const table = tables.streams[stream] as string;
    const sql = stream === 'inventory' ? stockSql(tables, table) : appendSql(stream, table);
    found.set(stream, await rows<FindingRow>(sql));
  }
  found.set('dead_letter', await rows<FindingRow>(deadLetterSql(tables.deadLetter, used)));

  const demandedOf = (name: string) =>
    counts
      .filter(({ stream }) => used.includes(stream))
      .reduce((total, { stream, rows: plain, keys, images, damaged }) => {
        if (name === 'dead_letter') return total + Number(damaged);
        const stock = Number(tables.ledger ? images : keys);
        return stream === name ? total + Number(plain) + stock : total;
      }, 0);
  const byStream: Record<string, StreamFindings> = {};
  for (const [name, list] of found) {
    byStream[name] = {
      lost: of(list, 'lost').count,
      duplicated: of(list, 'duplicated').count,
      demanded: demandedOf(name),
    };
  }
  const all = [...found.values()].flat();
  const kinds = [...new Set(all.filter((f) => f.finding === 'duplicated').map((f) => f.how ?? ''))];
  return {
    lost: of(all, 'lost'),
    duplicated: of(all, 'duplicated'),
    duplicatedByKind: Object.fromEntries(
      kinds.map((kind) => [
        kind,
        of(
          all.filter((row) => row.how === kind),
          'duplicated',
        ),
      ]),
    ),
    wrongCopy: of(all, 'wrong_copy'),
    wrong: {
      ...of(all, 'wrong'),
      units: all.reduce((total, { units }) => total + Number(units), 0),
    },
    examples: [...found].flatMap(([name, rows]) => rows.flatMap((row) => examplesOf(name, row))),
    byStream,
    demanded: Object.values(byStream).reduce((total, { demanded }) => total + demanded, 0),
    keys: Number(counts.find(({ stream }) => stream === 'inventory')?.keys ?? 0),
  };
}

function examplesOf(name: Stream | 'dead_letter', row: FindingRow): readonly Example[] {
  return gathered([row]).examples.map((id) => ({ finding: row.finding, of: name, id }));
}

function of(rows: readonly FindingRow[], finding: FindingRow['finding']): Finding {
  return gathered(rows.filter((row) => row.finding === finding));
}
