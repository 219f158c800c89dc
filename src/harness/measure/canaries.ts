import { distributionOf, weighted } from '../../core/stats.ts';
import type { CanaryRecord } from '../../record/record.ts';
import { stockView } from '../../topology/dataset.ts';
import type { Measuring } from './context.ts';

/**
 * Compares canaries with the census. Each gives an interval in which a row became visible; two disjoint
 * intervals cannot both be right. Disjoint are: a canary that the reader found before the census interval
 * begins, one that the reader still missed after the census saw it (found later or never), and one that
 * the reader found and no commit contains.
 */
export async function canarySection({ sql, context }: Measuring): Promise<CanaryRecord> {
  const rows = await sql.rows<CanaryRow>(
    `WITH keys AS (
      SELECT c.event_id, c.due_ms, c.outcome, c.polls, c.failed_polls, c.last_miss_ms, c.first_hit_ms,
        min(v.seen_ms) AS seen_ms, arg_min(v.missed_ms, v.seen_ms) AS missed_ms
      FROM canaries c LEFT JOIN (
        SELECT s.store_id, s.sku_id, s.version, m.seen_ms, m.missed_ms
        FROM sightings s JOIN commits m USING (table_name, snapshot_id) WHERE table_name = $view
      ) v ON c.store_id = v.store_id AND c.sku_id = v.sku_id AND c.version <= v.version
      GROUP BY ALL
    )
    SELECT *, coalesce(first_hit_ms < missed_ms, false) OR coalesce(seen_ms < last_miss_ms, false)
      OR (outcome = 'seen' AND seen_ms IS NULL) AS disjoint FROM keys`,
    { view: stockView(context.datasets)?.name ?? null },
  );
  const count = (which: (row: CanaryRow) => boolean) => rows.filter(which).length;
  const polls = (key: 'polls' | 'failed_polls') =>
    rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
  const widths = (from: keyof CanaryRow, to: keyof CanaryRow) => {
    const known = rows.filter(
      (row) => row.outcome === 'seen' && row.seen_ms !== null && row[from] !== null,
    );
    const values = known.map((row) => (row[to] as number) - (row[from] as number));
    return distributionOf(weighted(values)).stats;
  };
  return {
    sent: rows.length,
    unsent: count(({ event_id }) => event_id === null),
    seen: count(({ outcome }) => outcome === 'seen'),
    never: count(({ outcome }) => outcome === 'never'),
    failed: count(({ outcome }) => outcome === 'failed'),
    compared: count((row) => row.polls > 0),
    disjoint: count(({ disjoint }) => disjoint),
    inCensus: count((row) => row.seen_ms !== null),
    polls: polls('polls') + polls('failed_polls'),
    failedPolls: polls('failed_polls'),
    canaryWidth: widths('last_miss_ms', 'first_hit_ms'),
    censusWidth: widths('missed_ms', 'seen_ms'),
  };
}

/** If neither the reader nor the census ever saw a canary, they agree, but the census was not checked. */
export function canaryWarnings({ compared, seen, inCensus }: CanaryRecord): string[] {
  if (compared === 0 || seen > 0 || (inCensus ?? 0) > 0) return [];
  return [
    'no canary was ever visible, to the reader or to the census: the census was not checked ' +
      '(does the pipeline drop rows of unknown SKUs?)',
  ];
}

interface CanaryRow {
  /** null: the broker did not acknowledge it. */
  readonly event_id: string | null;
  readonly outcome: 'seen' | 'never' | 'failed';
  readonly polls: number;
  readonly failed_polls: number | null;
  readonly last_miss_ms: number | null;
  readonly first_hit_ms: number | null;
  readonly seen_ms: number | null;
  readonly missed_ms: number | null;
  readonly disjoint: boolean;
}
