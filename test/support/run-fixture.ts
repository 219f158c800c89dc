import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { quoted } from '../../src/core/sql.ts';
import { valuesOf } from '../../src/core/stats.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { serversUsed } from '../../src/harness/experiment/servers-used.ts';
import { type Facts, openFacts } from '../../src/harness/facts.ts';
import { type Measured, measure } from '../../src/harness/measure/measure.ts';
import { loadPipeline } from '../../src/harness/pipelines/load.ts';
import { replayPromises } from '../../src/harness/truth/promises/replay.ts';
import { FACTS, type FactTable } from '../../src/record/facts.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import { readRecord } from '../../src/record/read.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { stockView } from '../../src/topology/dataset.ts';
import { datasetsOf } from '../../src/topology/manifest.ts';

/** A real run as a fixture: its record and its facts, from which every metric can be recomputed. */

/** Written while the metrics are computed, and so written again. */
const DERIVED: readonly FactTable[] = ['promises'];
const TABLES = (Object.keys(FACTS) as FactTable[]).filter((table) => !DERIVED.includes(table));
const LARGEST_BYTES = 2 * 2 ** 20;

/** Copies the needed files of a run's folder, and verifies that the facts give the numbers of its record. */
export async function makeRunFixture(from: string, to: string): Promise<void> {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const files = [RUN_FILES.record, ...TABLES.map((table) => `${table}.parquet`)];
  for (const file of files) copyFileSync(join(from, file), join(to, file));
  const size = files.reduce((sum, file) => sum + statSync(join(to, file)).size, 0);
  if (size > LARGEST_BYTES) throw new Error(`${to} has ${size} bytes, of at most ${LARGEST_BYTES}`);
  const [computed, record] = [await recompute(to), readRecord(to)];
  const other = SECTIONS.filter((section) => stable(computed[section]) !== stable(record[section]));
  if (other.length > 0) {
    throw new Error(`the facts of ${from} do not give what its record says of ${other.join(', ')}`);
  }
}

/** Sections that follow from the facts alone. The others need the logs' ends and incidents, which are in no fixture. */
const SECTIONS = [
  ...(['metrics', 'checks', 'faults', 'promises', 'staleness', 'storeAge', 'waterfall'] as const),
  ...(['changes', 'queries', 'layout', 'canaries', 'self', 'cost'] as const),
] satisfies (keyof Measured & keyof RunRecord)[];

/** Defaults that were others when the run was recorded; the next recording has none. */
const RECORDED_UNDER = ['retail.assortment_by=core'] as const;

/** Recomputes every measured section of a record; `change` is SQL that changes the facts before that. */
export async function recompute(dir: string, change?: string): Promise<Measured> {
  const record = readRecord(dir);
  const { scenario: given, seed, t0Ms, endedMs, self } = record;
  if (t0Ms === null || endedMs === null || self === null) throw new Error(`${dir}: not whole`);
  const { scenario } = parseScenario(given.text, {
    file: given.file,
    set: [
      ...given.overrides.map(({ path, value }) => `${path}=${value}`),
      `seed=${seed}`,
      ...RECORDED_UNDER,
    ],
  });
  const { manifest } = loadPipeline(record.pipeline.name, packageRoot);
  await using facts = await openFacts();
  await load(facts, dir);
  if (change !== undefined) await facts.run(change);
  const datasets = datasetsOf(manifest, scenario.traffic);
  return await measure(
    facts,
    {
      ...{ scenario, t0Ms, endedMs: t0Ms + endedMs, datasets },
      engine: 'duckdb',
      cores: record.environment.cores,
      servers: serversUsed(loadPipeline(record.pipeline.name, packageRoot), scenario),
      clockApartMs: self.clockApartMs,
      flinkOnOurClock: true,
      ...{ appended: null, incidents: [] },
      compactions: record.compactions.map((one) => ({
        phase: one.phase ?? record.phases.findLast(({ kind }) => kind === 'compact')?.name ?? '',
        startMs: t0Ms + one.startMs,
        endMs: t0Ms + one.endMs,
        coreSeconds: one.coreSeconds,
        tables: one.tables,
        steps: [],
      })),
      truth: record.truth,
      promises: await replayPromises(facts, scenario, { stock: stockView(datasets), t0Ms }),
    },
    record.layout?.bucket ?? null,
  );
}

async function load(facts: Facts, dir: string): Promise<void> {
  for (const table of TABLES) {
    const file = join(dir, `${table}.parquet`);
    // A table that did not exist when the run was recorded stays empty.
    if (!existsSync(file)) continue;
    await facts.run(`INSERT INTO ${table} BY NAME FROM read_parquet(${quoted(file)})`);
  }
}

/**
 * Text that is equal on every machine: 12 significant digits, and for a histogram the digest of its values, because
 * versions of zlib compress differently.
 */
export function stable(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) => {
      if (typeof part === 'number') return Number(part.toPrecision(12));
      // A series on one line: a diff then shows which one, and the file stays small.
      if (isSeries(part))
        return part
          .map((x) => (typeof x === 'number' ? +x.toPrecision(12) : (x ?? 'null')))
          .join(' ');
      if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
      if (part.kind !== 'hdr') return Object.fromEntries(Object.entries(part).sort(byName));
      const values = JSON.stringify(valuesOf(part));
      return {
        kind: 'hdr',
        values: createHash('sha256').update(values).digest('hex').slice(0, 16),
      };
    },
    1,
  );
}

function isSeries(part: unknown): part is (number | string | null)[] {
  return (
    Array.isArray(part) && part.length > 0 && part.every((x) => x === null || typeof x !== 'object')
  );
}

/** Sorts keys, because parsing with a schema changes their order. */
function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
