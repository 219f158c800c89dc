import { STOCK, type Stream } from '../../../scenario/scenario.ts';
import {
  carriesStream,
  type Dataset,
  type EventDataset,
  holdsImages,
  holdsRejected,
  isSubset,
} from '../../../topology/dataset.ts';
import { reasonOf } from '../../reason.ts';
import { judgedRows, OF_THE_TAPE } from '../event-sql.ts';
import { combined, EXAMPLES, type Finding, type FoundRow } from '../finding.ts';
import {
  type NotRead,
  type ReadDataset,
  type Rows,
  readDatasets,
  type TablesUnderTest,
} from '../tables-under-test.ts';
import { ledgerSql } from './ledger.ts';
import { heldRows, upsertSql } from './upsert.ts';

/** Result of comparing the tables with CONTRACT: every finding must be 0. */
export interface ContractJudgement {
  /**
   * Rows that CONTRACT demands and the table lacks: for an upsert, keys without their newest version; for a ledger,
   * every missing version; for both, a row whose deletion flag differs from the sent one.
   */
  readonly lost: Finding;
  /** Rows that a table has more often than CONTRACT allows. */
  readonly duplicated: Finding;
  /**
   * The same by the kind of duplicate that leaked. Besides the kinds of the scenario: `none` (sent once, shown twice),
   * `damaged` (a damaged record shown as a row), `unknown` (never sent).
   */
  readonly duplicatedByKind: Readonly<Record<string, Finding>>;
  /** Rows from another append than the first one of their event id. */
  readonly wrongCopy: Finding;
  /** Inventory keys with a wrong value, and the sum of their absolute on-hand errors in units. */
  readonly wrong: Finding & { readonly units: number };
  /** Up to ten ids per finding and table, to look up. */
  readonly examples: readonly Example[];
  /** The same findings per dataset. */
  readonly byDataset: Readonly<Record<string, DatasetFindings>>;
  /** Rows that CONTRACT demands: 0 findings of 0 rows mean nothing. */
  readonly demanded: number;
  /** Inventory keys that were compared. */
  readonly keys: number;
  /** Tables whose comparison failed, with the reason: they are not in any number here. */
  readonly failed: readonly NotRead[];
}

interface DatasetFindings {
  readonly lost: number;
  readonly duplicated: number;
  readonly demanded: number;
  /** Sum of absolute on-hand errors, units; only for a dataset of row images. */
  readonly wrong?: number;
}

/** An example of a finding. */
export interface Example {
  readonly finding: FindingRow['finding'];
  readonly dataset: string;
  readonly id: string;
}

interface FindingRow extends FoundRow {
  readonly finding: 'lost' | 'duplicated' | 'wrong_copy' | 'wrong';
  readonly how: string | null;
  readonly units: number;
}

/** Counts the rows of a table without the harness's own, which are known by their offsets in the log. */
export function foundSql({ dataset, copy }: ReadDataset): string {
  const count = 'SELECT count(*)::INTEGER AS n FROM';
  if (carriesStream(dataset)) return `${count} ${judgedRows(dataset, copy)}`;
  return `${count} ${copy} AS letter WHERE NOT EXISTS (
    SELECT 1 FROM events WHERE ${DAMAGED_MARKER} AND stream = letter.topic
      AND events.part = letter.part AND events.kafka_offset = letter.kafka_offset)`;
}

/** The damaged record of a drain marker pair. */
const DAMAGED_MARKER = `role = 'marker' AND expect = 'dead_letter'`;

/**
 * Compares the appended messages of a stream with the rows of an append-only table. Messages without an acknowledgement
 * may have been appended or not: they are allowed, but not demanded. A row belongs to a message if id and store are
 * equal.
 */
function appendSql(dataset: EventDataset, table: string): string {
  return `
    WITH got AS MATERIALIZED (
      SELECT event_id, store_id, count(*) AS n, min(kafka_ms) AS kafka_ms
      FROM ${judgedRows(dataset, table)} GROUP BY event_id, store_id
    ), sent AS MATERIALIZED (
      SELECT event_id, store_id,
        -- Of a copy that came in for certain the row is demanded too, whatever became of the original.
        bool_or(expect <> 'dead_letter' AND acked_ms IS NOT NULL) AS demanded,
        bool_and(expect = 'dead_letter') AS damaged,
        max(kafka_ms) FILTER (expect = 'row') AS kafka_ms,
        string_agg(DISTINCT how, '+' ORDER BY how) FILTER (fault = 'duplicate') AS how
      FROM events WHERE stream = '${dataset.carries}' AND ${OF_THE_TAPE} GROUP BY event_id, store_id
    ), joined AS (
      SELECT coalesce(event_id, 'no event_id') || CASE WHEN demanded IS NULL
          AND bool_or(demanded IS NOT NULL) OVER (PARTITION BY event_id)
          THEN ' in store ' || coalesce(store_id::VARCHAR, 'NULL') ELSE '' END AS id,
        coalesce(n, 0) AS n, coalesce(demanded, false) AS demanded,
        CASE WHEN demanded IS NULL THEN 'unknown' WHEN damaged THEN 'damaged'
             ELSE coalesce(how, 'none') END AS how,
        got.kafka_ms IS NULL OR got.kafka_ms <> sent.kafka_ms AS other_append,
        CASE WHEN demanded IS NULL OR damaged THEN 0 ELSE 1 END AS allowed
      FROM sent FULL JOIN got USING (event_id, store_id)
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, id, 1 AS n FROM joined WHERE demanded AND n = 0
      UNION ALL
      SELECT 'duplicated', how, id, n - allowed FROM joined WHERE n > allowed
      UNION ALL
      SELECT 'wrong_copy', how, id, 1 FROM joined WHERE n > 0 AND allowed > 0 AND other_append
    )
    SELECT finding, how, sum(n)::BIGINT AS count, 0 AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}

/**
 * Compares damaged records with the rejected rows by their Kafka offsets: each must be there exactly once, and nothing
 * else. The offset of an unanswered record is unknown: each allows one otherwise unexplained row in its partition.
 */
function deadLetterSql(table: string, streams: readonly Stream[]): string {
  return `
    WITH got AS MATERIALIZED (
      SELECT topic AS stream, part, kafka_offset, count(*) AS n
      FROM ${table} GROUP BY topic, part, kafka_offset
    ), want AS (
      SELECT stream, part, kafka_offset, event_id, expect, ${DAMAGED_MARKER} AS ours FROM events
      WHERE acked_ms IS NOT NULL AND stream IN (${streams.map((s) => `'${s}'`).join(', ')})
    ), unanswered AS (
      SELECT stream, part, count(*) AS messages FROM events
      WHERE acked_ms IS NULL AND expect = 'dead_letter' GROUP BY stream, part
    ), joined AS (
      SELECT coalesce(event_id, concat_ws('/', coalesce(stream, 'NULL'),
          coalesce(part::VARCHAR, 'NULL'), coalesce(kafka_offset::VARCHAR, 'NULL'))) AS id,
        coalesce(n, 0) AS n, expect, coalesce(ours, false) AS ours,
        expect IS NULL AND kafka_offset IS NOT NULL AND row_number() OVER (
          PARTITION BY stream, part, expect ORDER BY kafka_offset
        ) <= coalesce(messages, 0) AS unanswered
      FROM want FULL JOIN got USING (stream, part, kafka_offset)
        LEFT JOIN unanswered USING (stream, part)
    ), findings AS (
      SELECT 'lost' AS finding, NULL AS how, id, 1 AS n FROM joined
      WHERE expect = 'dead_letter' AND n = 0 AND NOT ours
      UNION ALL
      SELECT 'duplicated', CASE expect WHEN 'dead_letter' THEN 'none' ELSE 'sound' END, id,
        n - (unanswered OR expect IS NOT DISTINCT FROM 'dead_letter')::INTEGER AS more
      FROM joined WHERE more > 0 AND NOT ours
    )
    SELECT finding, how, sum(n)::BIGINT AS count, 0 AS units,
      to_json(min(id, ${EXAMPLES})) AS examples
    FROM findings GROUP BY ALL ORDER BY ALL`;
}

interface DemandedRow {
  readonly stream: Stream;
  readonly rows: number;
  readonly keys: number;
  readonly images: number;
  readonly damaged: number;
}

function demandedSql(from = 'events'): string {
  return `
    SELECT stream, count(DISTINCT event_id) FILTER (expect = 'row')::BIGINT AS rows,
      count(DISTINCT (store_id, sku_id)) FILTER (expect = 'row' AND sku_id IS NOT NULL)::BIGINT
        AS keys,
      count(DISTINCT (store_id, sku_id, version))
        FILTER (expect <> 'dead_letter' AND version IS NOT NULL)::BIGINT AS images,
      count(*) FILTER (expect = 'dead_letter')::BIGINT AS damaged
    FROM ${from} WHERE ${OF_THE_TAPE} AND acked_ms IS NOT NULL GROUP BY stream`;
}

/** Compares the tables with CONTRACT, after everything has been drained. */
export async function judgeContract(
  rows: Rows,
  tables: TablesUnderTest,
): Promise<ContractJudgement> {
  const carried = new Set(tables.datasets.filter(carriesStream).map(({ carries }) => carries));
  const counts = await rows<DemandedRow>(demandedSql());
  const found = new Map<Dataset, readonly FindingRow[]>();
  const failed: NotRead[] = [];
  const ofSubsets = new Map<Dataset, readonly DemandedRow[]>();
  for (const read of readDatasets(tables)) {
    try {
      if (isSubset(read.dataset)) {
        const held = `events SEMI JOIN (${heldRows(read)}) USING (store_id, sku_id)`;
        ofSubsets.set(read.dataset, await rows<DemandedRow>(demandedSql(held)));
      }
      found.set(read.dataset, await rows<FindingRow>(comparisonSql(read, [...carried])));
    } catch (error) {
      failed.push({ dataset: read.dataset.name, reason: reasonOf(error) });
    }
  }

  const demandedOf = (dataset: Dataset) =>
    (ofSubsets.get(dataset) ?? counts)
      .filter(({ stream }) => carried.has(stream))
      .reduce((total, row) => {
        if (holdsRejected(dataset)) return total + Number(row.damaged);
        return row.stream === dataset.carries
          ? total + Number(row[DEMANDED[dataset.semantics]])
          : total;
      }, 0);
  const byDataset: Record<string, DatasetFindings> = {};
  for (const [dataset, list] of found) {
    byDataset[dataset.name] = {
      lost: of(list, 'lost').count,
      duplicated: of(list, 'duplicated').count,
      demanded: demandedOf(dataset),
      ...(holdsImages(dataset) ? { wrong: unitsOf(list) } : {}),
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
      units: unitsOf(all),
    },
    examples: [...found].flatMap(([{ name }, rows]) =>
      rows.flatMap((row) => examplesOf(name, row)),
    ),
    byDataset,
    demanded: Object.values(byDataset).reduce((total, { demanded }) => total + demanded, 0),
    keys: Number(counts.find(({ stream }) => stream === STOCK)?.keys ?? 0),
    failed,
  };
}

/** What CONTRACT demands of a dataset, by its semantics. */
const DEMANDED = { append: 'rows', upsert: 'keys', ledger: 'images' } as const;

/** SQL that compares the copy of a dataset with CONTRACT. */
function comparisonSql({ dataset, ...read }: ReadDataset, carried: readonly Stream[]): string {
  if (holdsRejected(dataset)) return deadLetterSql(read.copy, carried);
  if (!holdsImages(dataset)) return appendSql(dataset, read.copy);
  return dataset.semantics === 'ledger'
    ? ledgerSql({ dataset, ...read })
    : upsertSql({ dataset, ...read });
}

function examplesOf(dataset: string, row: FindingRow): readonly Example[] {
  return combined([row]).examples.map((id) => ({ finding: row.finding, dataset, id }));
}

function unitsOf(rows: readonly FindingRow[]): number {
  return rows.reduce((total, { units }) => total + Number(units), 0);
}

function of(rows: readonly FindingRow[], finding: FindingRow['finding']): Finding {
  return combined(rows.filter((row) => row.finding === finding));
}
