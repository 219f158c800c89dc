import type { Clock } from '../../core/clock.ts';
import type { Drain } from '../../record/record.ts';
import { type Manifest, rejectedOf } from '../../topology/manifest.ts';
import type { Facts } from '../facts.ts';
import type { Load } from '../load/load.ts';
import type { Census, MarkerAt } from '../probes/census.ts';

interface DrainContext {
  readonly load: Pick<Load, 'markers'>;
  readonly census: Pick<Census, 'missingMarkers'>;
  readonly facts: Pick<Facts, 'rows'>;
  readonly manifest: Manifest;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

const POLL_MS = 100;

/**
 * Returns a function that sends a good and a damaged marker to every partition and waits until every sink shows
 * them: then a query sees everything that was due before. A marker that is missing at the deadline is not an error
 * but a fact of the record: `drained: false`.
 */
export function drainer(context: DrainContext): () => Promise<Drain> {
  // Rounds of markers are numbered.
  let rounds = 0;
  return () => drain(context, rounds++);
}

async function drain(context: DrainContext, round: number): Promise<Drain> {
  const { load, census, facts, manifest, clock, signal, withinMs } = context;
  const startedMs = clock.monotonicMs();
  const rejected = rejectedOf(manifest).name;
  const wanted: MarkerAt[] = (await load.markers(round)).flatMap(({ good, bad }) => [
    ...manifest.datasets
      .filter(({ carries }) => carries === good.stream)
      .map(({ name }) => ({ table: name, id: good.eventId })),
    { table: rejected, id: bad.eventId },
  ]);
  let missing: readonly MarkerAt[] = wanted;
  while (missing.length > 0 && clock.monotonicMs() - startedMs < withinMs) {
    await clock.sleep(POLL_MS, signal);
    missing = census.missingMarkers(missing);
  }
  return {
    drained: missing.length === 0,
    tookMs: clock.monotonicMs() - startedMs,
    withinMs,
    tables: await newest(facts),
  };
}

/** The newest snapshot of each table and the number of rows in its live data files. */
async function newest(facts: Pick<Facts, 'rows'>): Promise<Drain['tables']> {
  return facts.rows<Drain['tables'][number]>(`
    SELECT table_name AS "table", arg_max(live_rows, seen_ms) AS rows,
      arg_max(snapshot_id, seen_ms) AS "snapshotId"
    FROM commits GROUP BY table_name ORDER BY table_name`);
}
