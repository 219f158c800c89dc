// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the pipelines stay as they are
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { labOn } from '../../src/harness/experiment/lab.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { querySql } from '../../src/record/query-sql.ts';
import type { RunRecord } from '../../src/record/record.ts';
import { formats } from '../../src/reports/formats.ts';
import { summarize } from '../../src/reports/summary.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { decodeSql } from '../../src/topology/decode-sql.ts';
import { endOf } from '../support/completed.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { ownFolders } from './support/stacks.ts';

/** Runs at once, of three jobs each: their waiting overlaps. */
vi.setConfig({ maxConcurrency: 2 });

/**
 * Everything that a broken design stumbles over: retries of 5 s and more, a backlog of stores that were offline
 * (older row images after newer ones, and after deletions), connectors that send again, tills a year ahead.
 */
const SCENARIO = `
name: known-bad
seed: 20
starts_at: 2026-11-27T10:00
retail: { stores: 4, skus: 120, assortment: 40, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 2400/store/h }
  wms: { delist: 30% }
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 30%, kinds: { identical: 100%, new_id: 0%, changed_payload: 0%, constant_id: 0% }, delay: 5s, delay_max: 6s }
    offline: { stores: 100%, at: 1s, for: 6s, replay: 12/s }
    redelivery: { every: 6s, last: 30 }
    clocks: { wrong_date: 30% }
pipeline: { use: ./broken, commit_every: 2s }
stack: { partitions: 1 }
# Truth and facts are what is looked at: readers and canaries would only slow the other runs down.
queries: { every: 1m, timeout: 20s }
canaries: { rate: 0.1/s }
drain_within: 3m
phases: [{ name: load, for: 16s }]
checks:
  - lost == 0
  - duplicated == 0
  - regressions == 0
  - staleness(inventory).p50 < 1h
`;

/** One text of a file that is there once, and what takes its place. */
type Edit = readonly [file: 'jobs.sql' | 'tables.sql', from: string, to: string];

interface Design {
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly set?: readonly string[];
  readonly finds: (record: RunRecord, dir: string) => Promise<void> | void;
}

const GUARD = 'PARTITION BY store_id, sku_id ORDER BY version DESC';
const GUARDED = `FROM (
  SELECT *, ROW_NUMBER() OVER (${GUARD}) AS n
  FROM inventory_accepted
)
WHERE n = 1;`;
const KEY = `  version BIGINT, deleted BOOLEAN,
  PRIMARY KEY (store_id, sku_id) NOT ENFORCED
)`;

/** In place of the generated source: a table with a watermark, and a filter behind it under the name that is read. */
const EVENT_TIME = `${decodeSql('pos', 'raw', 'function')
  .replace('pos_raw', 'pos_timed')
  .replace(
    '  pt AS PROCTIME()\n',
    `  pt AS PROCTIME(),
  event_time AS TO_TIMESTAMP_LTZ(
    COALESCE(TRY_CAST(JSON_VALUE(DECODE(payload, 'UTF-8'), '$.event_ts') AS BIGINT), 0), 3),
  WATERMARK FOR event_time AS event_time - INTERVAL '1' MINUTE
`,
  )};
CREATE TEMPORARY VIEW pos_raw AS
SELECT payload, part, kafka_offset, kafka_ts, pt FROM pos_timed
WHERE CURRENT_WATERMARK(event_time) IS NULL OR event_time > CURRENT_WATERMARK(event_time);`;

/**
 * A broken design of each of two tables in one run. Their jobs share nothing, and each is found in its own table; the
 * unbroken pipeline shows that neither table has findings by itself.
 */
function both(one: Design, other: Design): Design {
  return {
    name: `${one.name}; ${other.name}`,
    edits: [...one.edits, ...other.edits],
    set: [...(one.set ?? []), ...(other.set ?? [])],
    async finds(record, dir) {
      await one.finds(record, dir);
      await other.finds(record, dir);
    },
  };
}

const DESIGNS: readonly Design[] = [
  {
    name: 'the unbroken pipeline: nothing is found',
    edits: [],
    finds(record) {
      expect(record.truth).toMatchObject({
        lost: 0,
        duplicated: 0,
        wrong: 0,
        notSeenWithinMs: null,
      });
      expect(record.regressions).toMatchObject({ table: 'inventory', count: 0, notRecovered: 0 });
      expect(record.regressions?.updates).toBeGreaterThan(100);
      expect(valuesOf(record, 'never_visible')).toEqual([0, 0, 0]);
      // Runs at once are late; nothing else may be held against it.
      expect(['PASS', 'INVALID']).toContain(record.verdict);
      expect(record.checks.map(({ verdict }) => verdict)).toEqual(Array(4).fill('PASS'));
      expect(inWords(record)).not.toMatch(/went back to an older version|not seen within/);
    },
  },
  {
    name: 'append where an upsert is promised: rows too many',
    edits: [
      ['tables.sql', KEY, '  version BIGINT, deleted BOOLEAN\n)'],
      ['tables.sql', "  'write.upsert.enabled' = 'true',\n", ''],
      ['jobs.sql', GUARDED, 'FROM inventory_accepted;'],
    ],
    finds(record) {
      expect(tableOf(record, 'inventory').duplicated).toBeGreaterThan(100);
      expect(tableOf(record, 'pos')).toMatchObject({ duplicated: 0, lost: 0 });
      expect(inWords(record)).toMatch(/duplicated in inventory: \d+\/\d+/);
      expectFail(record, 'duplicated == 0');
    },
  },
  both(
    {
      name: 'last arrival wins: rows that go back to an older version',
      edits: [['jobs.sql', GUARD, 'PARTITION BY store_id, sku_id ORDER BY pt DESC']],
      finds(record) {
        expect(tableOf(record, 'inventory').duplicated).toBe(0);
        expect(record.regressions?.count).toBeGreaterThan(5);
        expect(record.regressions?.rowSeconds).toBeGreaterThan(5);
        expect(valuesOf(record, 'regressions')).toEqual([record.regressions?.count]);
        expect(inWords(record)).toMatch(/rows of inventory went back to an older version/);
        expectFail(record, 'regressions == 0');
      },
    },
    {
      name: 'deduplication state that expires after 2 s: retries that leak',
      edits: [
        ['jobs.sql', "SET 'table.exec.state.ttl' = '1 h';", "SET 'table.exec.state.ttl' = '2 s';"],
      ],
      finds(record) {
        expect(tableOf(record, 'pos').duplicated).toBeGreaterThan(0);
        expect(tableOf(record, 'pos').lost).toBe(0);
        expect(scoreOf(record, 'identical')?.leaked).toBeGreaterThan(0);
        expectFail(record, 'duplicated == 0');
      },
    },
  ),
  both(
    {
      name: 'deduplication by event id alone: deleted rows that reappear',
      edits: [['jobs.sql', GUARD, 'PARTITION BY event_id ORDER BY pt ASC']],
      async finds(record, dir) {
        expect(tableOf(record, 'inventory').duplicated).toBe(0);
        expect(record.regressions?.count).toBeGreaterThan(5);
        // Rows whose deletion one snapshot showed, and a later one an older image that is none.
        const reappeared = await querySql(
          dir,
          `WITH seen AS (
            SELECT s.store_id, s.sku_id, s.version, c.sequence_number, e.deleted
            FROM sightings s JOIN commits c USING (table_name, snapshot_id)
              JOIN events e USING (store_id, sku_id, version)
            WHERE table_name = 'inventory' AND e.role = 'original'
          )
          SELECT count(DISTINCT (store_id, sku_id))::INTEGER FROM seen gone JOIN seen back
            USING (store_id, sku_id)
          WHERE gone.deleted AND NOT back.deleted AND back.version < gone.version
            AND back.sequence_number > gone.sequence_number`,
        );
        expect(Number(reappeared.rows[0]?.[0])).toBeGreaterThan(0);
        expect(inWords(record)).toMatch(/rows of inventory went back to an older version/);
        expectFail(record, 'regressions == 0');
      },
    },
    {
      name: 'an event-time filter and a clock a year ahead: everybody else is late',
      edits: [
        ['jobs.sql', "SET 'pipeline.name' = 'pos';", `${EVENT_TIME}\nSET 'pipeline.name' = 'pos';`],
      ],
      set: ['drain_within=6s'],
      finds(record) {
        expect(tableOf(record, 'pos').lost).toBeGreaterThan(5);
        expect(tableOf(record, 'pos').duplicated).toBe(0);
        expect(valuesOf(record, 'never_visible', 'pos')[0]).toBeGreaterThan(5);
        expect(inWords(record)).toMatch(/rows are "not seen within 6.00 s", not proven lost/);
        expectFail(record, 'lost == 0');
      },
    },
  ),
  {
    name: 'a key that changes its partition: a row in each of them',
    edits: [
      [
        'tables.sql',
        KEY,
        `  version BIGINT, deleted BOOLEAN, band INT NOT NULL,
  PRIMARY KEY (store_id, sku_id, band) NOT ENFORCED
) PARTITIONED BY (band)`,
      ],
      [
        'jobs.sql',
        '  sku_id, on_hand, committed, unavailable, available, version, deleted\nFROM (',
        `  sku_id, on_hand, committed, unavailable, available, version, deleted,
  COALESCE(CAST(MOD(version, 2) AS INT), 0)
FROM (`,
      ],
      [
        'jobs.sql',
        "SET 'table.exec.state.ttl' = '0 ms';",
        "SET 'table.exec.state.ttl' = '0 ms';\nSET 'table.exec.sink.upsert-materialize' = 'NONE';",
      ],
    ],
    finds(record) {
      expect(tableOf(record, 'inventory').duplicated).toBeGreaterThan(10);
      expect(tableOf(record, 'pos')).toMatchObject({ duplicated: 0, lost: 0 });
      expect(inWords(record)).toMatch(/duplicated in inventory: \d+\/\d+/);
      expectFail(record, 'duplicated == 0');
    },
  },
  {
    name: 'nothing is ever committed: every value is at least as long as was watched, and none is 0',
    edits: [['jobs.sql', "'${commit_every_ms} ms'", "'${commit_every_ms} h'"]],
    set: ['drain_within=6s'],
    finds(record) {
      const stale = record.metrics.filter(({ name }) => name === 'staleness');
      expect(stale.length).toBeGreaterThan(0);
      for (const metric of stale) {
        if (metric.shape !== 'distribution') throw new Error('staleness is one number');
        expect(metric.n, metric.of ?? '').toBeGreaterThan(0);
        expect(metric.censored).toBe(metric.n);
        expect(Object.values(metric.stats).every((value) => value === null)).toBe(true);
      }
      for (const metric of record.metrics.filter(({ name }) => name === 'never_visible')) {
        expect(metric).toMatchObject({ value: metric.n });
      }
      expect(record.waterfall).toEqual([]);
      expect(record.regressions).toMatchObject({ updates: 0, count: 0 });
      expect(record.drain).toMatchObject({ drained: false });
      // p50 / p99 of each stream in the report: both are bounds.
      const staleness = summarize(record).sections.find(({ id }) => id === 'staleness');
      for (const { text } of staleness?.tables[0]?.rows[0]?.slice(2) ?? [{ text: 'nothing' }]) {
        expect(text).toMatch(/^≥\d+(\.\d+)? \/ ≥\d+(\.\d+)? s/);
      }
      expect(record.checks).toMatchObject([
        {},
        {},
        { text: 'regressions == 0', verdict: 'NO_DATA' },
        { text: 'staleness(inventory).p50 < 1h', verdict: 'FAIL', measured: null },
      ]);
      expect(record.verdict).not.toBe('PASS');
    },
  },
];

const folder = ownFolders('known-bad');
const artifacts = locateArtifacts(defaultCacheDir(), readLock());

let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

/** The shipped upsert pipeline with these texts replaced, and a run of it. */
async function runOf({ edits, set = [] }: Design): Promise<{ record: RunRecord; dir: string }> {
  const dir = folder();
  cpSync(join(packageRoot, 'pipelines/cdc-upsert'), join(dir, 'broken'), { recursive: true });
  for (const [file, from, to] of edits) {
    const path = join(dir, 'broken', file);
    const parts = readFileSync(path, 'utf8').split(from);
    expect(parts, `${from} in ${file}`).toHaveLength(2);
    writeFileSync(path, parts.join(to));
  }
  const file = 'known-bad.yaml';
  return labOn({ chosen: { kind: 'shared', on }, artifacts, clock }).run({
    parsed: { ...parseScenario(SCENARIO, { file, set }), file },
    resultsDir: join(dir, 'results'),
    baseDir: dir,
    signal: new AbortController().signal,
    reproduce: `doorbuster run ${file}`,
    onEvent: () => {},
  });
}

function tableOf(record: RunRecord, name: string) {
  const found = record.truth?.tables.find(({ table }) => table === name);
  if (found === undefined) throw new Error(`${name} was not judged`);
  return found;
}

function scoreOf(record: RunRecord, kind: string) {
  return record.truth?.distance.find(({ fault }) => fault === kind);
}

/** Values of a scalar over the whole run, per stream or whatever it is of. */
function valuesOf(record: RunRecord, name: string, of?: string): readonly (number | null)[] {
  return record.metrics.flatMap((metric) =>
    metric.shape === 'scalar' &&
    metric.name === name &&
    metric.phase === null &&
    (of ?? metric.of) === metric.of
      ? [metric.value]
      : [],
  );
}

/** The report of the terminal in one line, whatever its width. */
function inWords(record: RunRecord): string {
  return formats.terminal.render(record, { color: false, columns: 100 }).replace(/\s+/g, ' ');
}

function expectFail(record: RunRecord, check: string): void {
  expect(record.verdict).toBe('FAIL');
  expect(record.exitCode).toBe(4);
  expect(record.checks.find(({ text }) => text === check)).toMatchObject({ verdict: 'FAIL' });
}

describe.concurrent('broken designs on the real stack', { timeout: 600_000 }, () => {
  test.each(DESIGNS)('$name', async (design) => {
    const { record, dir } = await runOf(design);
    expect(endOf(record)).toBe('completed');
    await design.finds(record, dir);
  });
});
