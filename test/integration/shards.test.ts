import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { labOn } from '../../src/harness/experiment/lab.ts';
import type { RunEvent } from '../../src/harness/experiment/progress.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { merge, readParts } from '../../src/harness/sharding/merge.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import { readJournal } from '../../src/record/journal.ts';
import { querySql } from '../../src/record/query-sql.ts';
import { type RunRecord, recordSchema, type ShardRecord } from '../../src/record/record.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { endOf } from '../support/completed.ts';
import { joinSharedStack } from '../support/shared-stack.ts';
import { ownFolders } from './support/stacks.ts';

const folder = ownFolders('shards');

const SCENARIO = `
name: together
seed: 21
retail: { stores: 8, skus: 80, assortment: 30, hours: flat }
traffic:
  pos: { receipts: 900/store/h }
  wms: {}
  cart: { sessions: 1/s }
  loyalty: {}
  inventory: { preload: assortment }
  faults:
    duplicates: { rate: 5%, delay: 200ms, delay_max: 1s }
    malformed: { rate: 1% }
pipeline: { commit_every: 2s }
stack: { partitions: 2 }
queries: { every: 2s, timeout: 20s, round_budget: 100ms, cold: 0 }
phases:
  - { name: load, for: 12s }
  - { name: after, do: query }
checks:
  - lost == 0
`;

const file = 'together.yaml';
const parsed = { ...parseScenario(SCENARIO, { file, set: [] }), file };
/** Two jobs instead of five, for what needs no other stream: a job costs seconds of CPU to start. */
const twoStreams = SCENARIO.replace(/^ {2}(wms|cart|loyalty): .*\n/gm, '');
const brief = { ...parseScenario(twoStreams, { file, set: [] }), file };
const artifacts = locateArtifacts(defaultCacheDir(), readLock());

let on: SharedStack;
beforeAll(async () => {
  on = await joinSharedStack();
});
afterAll(() => on?.stack[Symbol.asyncDispose]());

interface Shard {
  readonly index: number;
  readonly of: number;
  readonly load: string;
  readonly what?: typeof parsed;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
}

function shardRun({ index, of, load, what = parsed, signal, onEvent = () => {} }: Shard) {
  return labOn({ chosen: { kind: 'shared', on }, artifacts, clock }).run({
    parsed: what,
    resultsDir: folder(),
    baseDir: packageRoot,
    shard: { share: { index, of }, load },
    signal: signal ?? new AbortController().signal,
    reproduce: 'doorbuster run together.yaml',
    onEvent,
  });
}

let loads = 0;

/** A load made by n shards, joined. */
async function joined(of: number): Promise<{ record: RunRecord; dir: string; parts: string[] }> {
  // A second try of the test is another load: the first may have left its topics.
  const load = `by_${of}_${++loads}`;
  const runs = Array.from({ length: of }, (_, index) => shardRun({ index, of, load }));
  const parts = await Promise.all(runs);
  for (const { record } of parts) {
    expect(endOf(record)).toBe('part');
    expect(record).toMatchObject({ outcome: 'part', verdict: null, metrics: [] });
  }
  const dirs = parts.map(({ dir }) => dir);
  // The leader removes the namespace, with its topic, after every shard has finished.
  const led = readJournal(dirs[0] as string).entries.map(({ kind }) => kind);
  expect(led).toContain('removed');
  expect(led).not.toContain('not-removed');
  return { ...(await mergedOf(dirs.toReversed())), parts: dirs };
}

function mergedOf(dirs: readonly string[]) {
  return merge(readParts(dirs), {
    scenario: parsed.scenario,
    resultsDir: folder(),
    baseDir: packageRoot,
    clock,
    reproduce: 'doorbuster merge',
  });
}

/** The folder of another part, which differs in this. */
function changed(
  dir: string,
  change: (record: Record<string, unknown>) => Readonly<Record<string, unknown>>,
): string {
  const other = folder();
  cpSync(dir, other, { recursive: true });
  const path = join(other, RUN_FILES.record);
  const record = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...record, ...change(record) }));
  return other;
}

/** What was sent in the phase, to the last event, and by how many threads. */
async function sent(dir: string): Promise<readonly unknown[]> {
  const { rows } = await querySql(
    dir,
    `SELECT stream, role, fault, how, labels, expect, count(*)::INTEGER AS n, sum(cents)::VARCHAR AS cents,
       md5(string_agg(concat_ws('/', event_id, store_id, sku_id, version, on_hand,
         round(due_ms - start_ms, 3)), ',' ORDER BY event_id, due_ms, sku_id)) AS digest
     FROM events JOIN phases ON due_ms >= start_ms AND due_ms < end_ms
     WHERE name = 'load' AND role IN ('original', 'copy') GROUP BY ALL ORDER BY ALL`,
  );
  return rows;
}

const counted = ({ metrics }: RunRecord) =>
  metrics
    .filter(({ name, phase }) => name === 'staleness' && phase === 'load')
    .map(({ of, n }) => [of, n]);

describe('a load of one shard, and of four', () => {
  test('is the same load, and has the same truth', async () => {
    const [one, four] = await Promise.all([joined(1), joined(4)]);
    const alone = await sent(one.dir);
    expect(alone.length).toBeGreaterThan(8);
    for (const { record, dir, parts } of [one, four]) {
      expect(recordSchema.parse(record)).toEqual(record);
      expect(await sent(dir)).toEqual(alone);
      expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, keysCompared: 240 });
      expect(record.truth?.bookUnits).toBe(one.record.truth?.bookUnits);
      expect(record.checks).toMatchObject([{ text: 'lost == 0', verdict: 'PASS' }]);
      expect(record.producing?.total.appended).toBe(record.producing?.total.acknowledged);
      expect(counted(record)).toEqual(counted(one.record));
      expect(record.canaries).toMatchObject({ disjoint: 0, never: 0 });
      // Every store is made by one shard, and every shard makes some.
      const stores = await Promise.all(
        parts.map(async (part) => {
          const { rows } = await querySql(
            part,
            `SELECT DISTINCT store_id FROM events WHERE role = 'original' ORDER BY store_id`,
          );
          return rows.map(([store]) => Number(store));
        }),
      );
      expect(stores.flat().toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      for (const some of stores) expect(some).toHaveLength(8 / parts.length);
      expect(record.shards).toHaveLength(parts.length);
      for (const { clock: theirs } of record.shards ?? []) {
        // One machine has one clock, and so the broker's is ours.
        expect(Math.abs(theirs.offsetMs)).toBeLessThan(20);
        expect(theirs.widthMs).toBeGreaterThan(0);
      }
    }
    const [lead, second, ...rest] = four.parts as [string, string, string, string];
    expect(() => readParts(four.parts.slice(1))).toThrow('shard 1 of 4 is missing');
    const ofAnother = changed(second, ({ shard }) => ({
      shard: { ...(shard as object), load: 'x' },
    }));
    expect(() => readParts([lead, ofAnother, ...rest])).toThrow(
      /belong to several loads: by_4_\d+, x/,
    );
    expect(() => readParts([one.dir])).toThrow('is a complete run, and not a shard');
    const later = changed(second, (part) => ({ t0Ms: (part.t0Ms as number) + 60_000 }));
    expect(() => readParts([lead, later, ...rest])).toThrow('another attempt of the load by_4_');
    const drifted = changed(second, ({ shard }) => {
      const { clock: theirs, ...others } = shard as ShardRecord;
      return { shard: { ...others, clock: { ...theirs, driftMs: 50 } } };
    });
    const { record: apart } = await mergedOf([lead, drifted, ...rest]);
    expect(apart.verdict).toBe('INVALID');
    expect(apart.invalid).toContainEqual(
      expect.objectContaining({ rule: 'one clock for all shards', limit: '20 ms' }),
    );
    const fifth = changed(second, ({ shard }) => ({ shard: { ...(shard as object), number: 5 } }));
    expect(() => readParts([...four.parts, fifth])).toThrow('shard 5 of 4, in a load of 4');
  }, 900_000);

  test('a shard that dies ends the load for all of them, and each has the reason', async () => {
    const stop = new AbortController();
    const cut = { of: 2, load: `cut_short_${++loads}`, what: brief };
    const lead = shardRun({
      ...cut,
      index: 0,
      onEvent: ({ kind }) => void (kind === 'phase-begin' && stop.abort(new Error('enough'))),
    });
    const other = shardRun({ ...cut, index: 1, signal: stop.signal });
    const [led, left] = await Promise.all([lead, other]);
    expect(left.record.outcome).toBe('interrupted');
    expect(led.record.outcome).toBe('stack-broke');
    expect(led.record.headline.text).toMatch(/^shard 2 has ended/);
    const notes = readJournal(led.dir).entries.filter(({ kind }) => kind === 'removed');
    expect(notes).toHaveLength(1);
    expect(readdirSync(left.dir)).toContain('record.json');
  }, 300_000);
});
