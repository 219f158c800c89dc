import { quoted } from '../../core/sql.ts';
import { holdsImages, isSubset, READ_FROM } from '../../topology/dataset.ts';
import { SERVED_SNAPSHOTS, shownVersionsSql } from '../shown-versions.ts';
import { VANISHED } from '../visibility/visibility.ts';
import { type MeasureContext, streamDatasets } from './context.ts';
import { SLIP_RESOLUTION_MS } from './limits.ts';
import { pendingSteps } from './pending.ts';

/**
 * SQL of the temporary tables that the metrics are computed from. It reads the facts alone, so that
 * anyone can run it over a record's Parquet files.
 */
export function prepareSql(context: MeasureContext): string {
  const rows = streamDatasets(context).map(
    (one) =>
      `(${quoted(one.name)}, ${quoted(one.carries)}, ${quoted(one.semantics)}, ${isSubset(one)}, [${READ_FROM[one.visibility].map(quoted).join(', ')}]::VARCHAR[])`,
  );
  return [
    `CREATE OR REPLACE TEMP TABLE datasets AS
       SELECT * FROM (VALUES ${rows.join(', ')}) AS t(dataset, stream, semantics, subset, readers)`,
    `CREATE OR REPLACE TEMP TABLE spans AS
       SELECT name, kind, measured, start_ms, coalesce(end_ms, ${context.endedMs}) AS end_ms
       FROM phases`,
    `CREATE OR REPLACE TEMP TABLE resources_here AS SELECT * FROM resources WHERE shard IS NULL`,
    `CREATE OR REPLACE TEMP TABLE first_engine_queries AS
       FROM queries WHERE engine IS NULL OR engine = ${quoted(context.engine)}`,
    SERVED,
    NONEMPTY_PHASES,
    NUMBERED_QUERIES,
    BROKER_WAITS,
    DUE_CHANGES,
    VISIBLE_ROWS,
    shownSql(context),
    VISIBLE_KEYS,
    HELD,
    CHANGES,
    HIDDEN,
    PENDING,
    ACTIVE_PHASES,
  ].join(';\n');
}

const SERVED = `CREATE OR REPLACE TEMP TABLE served AS ${SERVED_SNAPSHOTS}`;

/** Phases that can own an event. A phase of no duration owns none, and must not hide the phase after it. */
const NONEMPTY_PHASES =
  'CREATE OR REPLACE TEMP TABLE nonempty_phases AS FROM spans WHERE end_ms > start_ms';

/**
 * Every query with a number. A background query belongs to the phase of its intended start, however late it
 * started; a query of a round belongs to that round's phase.
 */
const NUMBERED_QUERIES = `
  CREATE OR REPLACE TEMP TABLE numbered_queries AS
  SELECT q.* EXCLUDE (phase), row_number() OVER () AS nr,
    CASE WHEN q.mode <> 'trickle' THEN q.phase
      WHEN q.intended_ms < p.end_ms THEN p.name END AS phase
  FROM queries q ASOF LEFT JOIN nonempty_phases p ON q.intended_ms >= p.start_ms`;

/** A restarted broker has a backlog and answers slowly at first, for at most this long, ms. */
const CATCH_UP_MS = 5_000;

/**
 * Earliest time (free_ms) at which a producing thread could send a batch, around a declared outage of a broker: a
 * thread has one batch in flight, and the next one waits for its acknowledgement. It covers the time from the fault
 * until the thread is on time again, after SETTLES_MS. A store's thread is its number modulo the threads.
 */
const BROKER_WAITS = `
  CREATE OR REPLACE TEMP TABLE broker_waits AS
  WITH threads AS (SELECT coalesce(max(worker), 0) + 1 AS n FROM loop_delay
  ), batches AS (
    SELECT store_id % n AS worker, sent_ms, max(acked_ms) AS acked_ms, max(sent_ms - due_ms) AS late_ms
    FROM events, threads WHERE role IN ('original', 'copy') AND sent_ms IS NOT NULL GROUP BY ALL
  ), freed AS (
    SELECT *, lag(acked_ms) OVER (PARTITION BY worker ORDER BY sent_ms) AS free_ms FROM batches
  ), outages AS (
    SELECT f.start_ms, b.worker, coalesce(min(b.sent_ms)
        FILTER (b.sent_ms >= f.back_ms + ${CATCH_UP_MS} AND b.late_ms <= ${SLIP_RESOLUTION_MS}), 'Infinity') AS until_ms
    FROM faults f, batches b WHERE f.server = 'kafka' GROUP BY ALL
  )
  SELECT DISTINCT worker, sent_ms, free_ms
  FROM freed JOIN outages USING (worker)
  WHERE free_ms IS NOT NULL AND sent_ms > start_ms AND sent_ms < until_ms`;

/**
 * Every change of the tape, and the phase in which it was due. wait_ms: the part of its slip that it waited
 * for a broker during a declared outage, or for the backlog after it.
 */
const DUE_CHANGES = `
  CREATE OR REPLACE TEMP TABLE due AS
  WITH threads AS (SELECT coalesce(max(worker), 0) + 1 AS n FROM loop_delay)
  SELECT e.*, CASE WHEN w.free_ms IS NULL THEN 0
      ELSE greatest(0, least(w.free_ms, e.sent_ms) - e.due_ms) END AS wait_ms, CASE WHEN e.due_ms < p.end_ms THEN p.name END AS phase,
    coalesce(p.measured AND e.due_ms < p.end_ms, false) AS measured
  FROM events e CROSS JOIN threads
    LEFT JOIN broker_waits w ON w.worker = e.store_id % threads.n AND w.sent_ms = e.sent_ms
    ASOF LEFT JOIN nonempty_phases p ON e.due_ms >= p.start_ms
  WHERE e.role IN ('original', 'copy')`;

/** In an append table, a row becomes visible with the first snapshot that contains its event id. */
const VISIBLE_ROWS = `
  CREATE OR REPLACE TEMP TABLE visible_rows AS
  SELECT t.dataset, s.event_id, min(c.seen_ms) AS seen_ms,
    arg_min({snapshot_ms: c.snapshot_ms, missed_ms: c.missed_ms, flink_ms: s.flink_ms}, c.seen_ms) AS at
  FROM sightings s JOIN served c USING (table_name, snapshot_id)
    JOIN datasets t ON t.dataset = s.table_name
  WHERE t.semantics = 'append' AND s.event_id IS NOT NULL
  GROUP BY t.dataset, s.event_id`;

/** The versions that a reader of each dataset of row images sees; empty without such a dataset. */
function shownSql(context: MeasureContext): string {
  const images = streamDatasets(context).filter(holdsImages);
  const none = { name: '', semantics: 'upsert' } as const;
  const steps = (images.length === 0 ? [none] : images).map(
    (one) => `SELECT ${quoted(one.name)} AS dataset, * FROM (${shownVersionsSql(one)})`,
  );
  return `CREATE OR REPLACE TEMP TABLE shown AS ${steps.join(' UNION ALL ')}`;
}

/**
 * In an upsert table, version v of a key becomes visible with the first snapshot that shows v or a higher version of
 * the key. Per key and observed version: the earliest time of that or any higher version, and the version that a
 * reader found then. A ledger keeps every version: there, each version becomes visible by itself.
 */
const VISIBLE_KEYS = `
  CREATE OR REPLACE TEMP TABLE visible_keys AS
  SELECT DISTINCT dataset, store_id, sku_id, version, min(seen_ms) OVER higher AS seen_ms,
    arg_min({version: version, snapshot_ms: snapshot_ms, missed_ms: missed_ms}, seen_ms)
      OVER higher AS at
  FROM shown JOIN datasets USING (dataset) WHERE semantics = 'upsert'
  WINDOW higher AS (PARTITION BY dataset, store_id, sku_id ORDER BY version DESC)
  UNION ALL
  SELECT t.dataset, s.store_id, s.sku_id, s.version, min(c.seen_ms) AS seen_ms,
    arg_min({version: s.version, snapshot_ms: c.snapshot_ms, missed_ms: c.missed_ms}, c.seen_ms)
      AS at
  FROM sightings s JOIN served c USING (table_name, snapshot_id)
    JOIN datasets t ON t.dataset = s.table_name
  WHERE t.semantics = 'ledger'
  GROUP BY t.dataset, s.store_id, s.sku_id, s.version`;

/**
 * The rows that a subset was ever seen to hold, and the version with which each came in: it may be old by then. Changes
 * after it are changes that a reader of the subset waits for.
 */
const HELD = `
  CREATE OR REPLACE TEMP TABLE held AS
  SELECT t.dataset, s.store_id, s.sku_id, min(s.version) AS from_version
  FROM sightings s JOIN datasets t ON t.dataset = s.table_name
  WHERE t.subset AND s.version IS NOT NULL GROUP BY ALL`;

/** Columns of a change in one dataset, from the version of its row that the join found. */
const OF_KEY = `d.*, t.dataset, v.seen_ms, v.at.snapshot_ms AS snapshot_ms, v.at.missed_ms AS missed_ms,
      own.flink_ms`;
const OWN = `LEFT JOIN own ON own.dataset = t.dataset AND own.store_id = d.store_id
        AND own.sku_id = d.sku_id AND own.version = d.version`;

/**
 * One row per dataset and change that gives a staleness sample: originals that CONTRACT requires to be shown, or that
 * a newer version overtook. seen_ms NULL: never visible. what: shown (itself), superseded (a newer version was visible
 * first), guarded (a newer version was appended first). missed_ms: the last time at which it was not visible yet. A
 * ledger drops no version, so that none is superseded or guarded. Of a subset, the changes after its rows came in.
 */
const CHANGES = `
  CREATE OR REPLACE TEMP TABLE changes AS
  WITH own AS (
    SELECT t.dataset, s.store_id, s.sku_id, s.version, min(s.flink_ms) AS flink_ms
    FROM sightings s JOIN datasets t ON t.dataset = s.table_name
    WHERE t.semantics <> 'append' GROUP BY ALL
  ), of_upserts AS (
    SELECT ${OF_KEY},
      CASE WHEN d.expect = 'guarded' THEN 'guarded'
           WHEN v.at.version > d.version THEN 'superseded' ELSE 'shown' END AS what
    FROM due d JOIN datasets t ON t.stream = d.stream AND t.semantics = 'upsert'
      LEFT JOIN held m ON m.dataset = t.dataset AND m.store_id = d.store_id AND m.sku_id = d.sku_id
      ASOF LEFT JOIN visible_keys v ON v.dataset = t.dataset AND v.store_id = d.store_id
        AND v.sku_id = d.sku_id AND d.version <= v.version
      ${OWN}
    WHERE NOT t.subset OR d.version > m.from_version
  ), of_ledgers AS (
    SELECT ${OF_KEY}, 'shown' AS what
    FROM due d JOIN datasets t ON t.stream = d.stream AND t.semantics = 'ledger'
      LEFT JOIN visible_keys v ON v.dataset = t.dataset AND v.store_id = d.store_id
        AND v.sku_id = d.sku_id AND v.version = d.version
      ${OWN}
  ), of_rows AS (
    SELECT d.*, t.dataset, v.seen_ms, v.at.snapshot_ms AS snapshot_ms, v.at.missed_ms AS missed_ms,
      v.at.flink_ms AS flink_ms, 'shown' AS what
    FROM due d JOIN datasets t ON t.stream = d.stream AND t.semantics = 'append'
      LEFT JOIN visible_rows v ON v.dataset = t.dataset AND v.event_id = d.event_id
  )
  SELECT * FROM (FROM of_upserts UNION ALL FROM of_ledgers UNION ALL FROM of_rows)
  WHERE role = 'original' AND expect IN ('row', 'guarded')`;

/**
 * Changes that were visible and then hidden, because an older version of their row was shown again, or because a view in
 * memory lost the row, until it is shown again: per such step the oldest of them. All changes up to the highest version
 * shown before had been visible. The poll that finds a loss may find the rows that were written after it, too.
 */
const HIDDEN = `
  CREATE OR REPLACE TEMP TABLE hidden AS
  SELECT c.dataset, c.store_id, s.seen_ms AS from_ms, s.until_ms, min(c.occurred_ms) AS oldest
  FROM shown s JOIN changes c ON c.dataset = s.dataset AND c.store_id = s.store_id AND c.sku_id = s.sku_id
    AND c.version > s.version AND c.version <= s.highest_before
  WHERE s.version < s.highest_before AND s.until_ms > s.seen_ms
  GROUP BY ALL
  UNION ALL
  SELECT c.dataset, c.store_id, coalesce(gone.missed_ms, gone.seen_ms) AS from_ms, s.until_ms,
    min(c.occurred_ms) AS oldest
  FROM commits gone JOIN shown s ON s.dataset = gone.table_name AND s.seen_ms < gone.seen_ms
      AND s.until_ms >= gone.seen_ms
    JOIN changes c ON c.dataset = s.dataset AND c.store_id = s.store_id AND c.sku_id = s.sku_id
      AND c.version <= greatest(s.version, s.highest_before)
  WHERE gone.operation = '${VANISHED}'
  GROUP BY ALL`;

/** Pending changes per dataset: one look-up gives the age at any moment. A change is not pending before it happened. */
const PENDING = `
  CREATE OR REPLACE TEMP TABLE pending AS ${pendingSteps({ dataset: 'dataset' })}`;

/**
 * The phases in which a change happened or was pending, per dataset: only there does age measure the pipeline. In any
 * other phase it is 0.
 */
const ACTIVE_PHASES = `
  CREATE OR REPLACE TEMP TABLE active_phases AS
  SELECT DISTINCT p.dataset, s.name AS phase
  FROM pending p JOIN spans s ON p.oldest < s.end_ms AND p.until_ms > s.start_ms`;
