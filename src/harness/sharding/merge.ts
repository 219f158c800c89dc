import { resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import { grouped } from '../../core/grouped.ts';
import { literalGlob, quoted } from '../../core/sql.ts';
import { FACTS, type FactTable } from '../../record/facts.ts';
import { createRunFolder } from '../../record/folder.ts';
import { openJournal } from '../../record/journal.ts';
import { parquetFiles } from '../../record/parquet-files.ts';
import { readRecord, runDir } from '../../record/read.ts';
import type { PartRecord, RunRecord, ShardRecord, UnmeasuredRecord } from '../../record/record.ts';
import { startedRecord, writeRecord } from '../../record/write.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { datasetsOf } from '../../topology/manifest.ts';
import { type Facts, openFacts } from '../facts.ts';
import { buildRecord } from '../outcome/build-record.ts';
import { loadPipeline } from '../pipelines/load.ts';
import type { Incident } from '../probes/probe.ts';
import { checkFacts, checkHandOver, checkTables } from './consistent.ts';
import { readHandOver } from './hand-over-file.ts';

/** The part of one shard. */
interface Part {
  readonly dir: string;
  readonly record: PartRecord;
  readonly shard: ShardRecord;
}

/** All parts of a load, the leader's first. */
type Parts = readonly [Part, ...Part[]];

/** Above this gap the stamps of two machines are not comparable; the same limit as for the two clocks of one machine. */
const CLOCKS_APART_MS = 20;

/** Tables of which every shard has rows; only the leader has the others. */
const TABLES_OF_EVERY_SHARD: readonly FactTable[] = ['events', 'load', 'loop_delay', 'resources'];

/**
 * Reads the parts of one load, the leader's first. Throws DoorbusterError (exit 2) if the folders are not all parts of
 * one load.
 */
export function readParts(paths: readonly string[]): Parts {
  const parts = paths.map((path) => {
    const dir = runDir(path);
    const record = readRecord(dir);
    if (record.outcome !== 'part') {
      const fact =
        record.outcome === 'completed'
          ? 'is a complete run, and not a shard'
          : `is not a shard that got to its end: its outcome is ${record.outcome}`;
      throw badInput(`${path} ${fact}`, `doorbuster report ${path}`);
    }
    return { dir, record, shard: record.shard };
  });
  const loads = [...grouped(parts, ({ shard }) => shard.load).keys()];
  if (loads.length !== 1)
    throw badInput(`these shards belong to several loads: ${loads.join(', ')}`);
  const [{ shard, record } = { shard: undefined, record: undefined }] = parts;
  const odd = parts.find((part) => part.record.scenario.hash !== record?.scenario.hash);
  if (odd !== undefined) throw badInput(`${odd.dir} has another scenario than ${parts[0]?.dir}`);
  const other = parts.find((part) => part.record.t0Ms !== record?.t0Ms);
  if (other !== undefined) {
    throw badInput(
      `${other.dir} belongs to another attempt of the load ${shard?.load} than ${parts[0]?.dir}`,
      'name the folders of one attempt',
    );
  }
  const of = shard?.of ?? 0;
  const beyond = parts.find((part) => part.shard.of !== of || part.shard.number > of);
  if (beyond !== undefined) {
    const { number, of: theirs } = beyond.shard;
    throw badInput(`${beyond.dir} is shard ${number} of ${theirs}, in a load of ${of}`);
  }
  for (let number = 1; number <= of; number++) {
    const found = parts.filter((part) => part.shard.number === number).length;
    if (found === 1) continue;
    throw badInput(
      found === 0
        ? `shard ${number} of ${of} is missing`
        : `shard ${number} of ${of} occurs ${found} times`,
      'name the folder of every shard once',
    );
  }
  return parts.toSorted((a, b) => a.shard.number - b.shard.number) as [Part, ...Part[]];
}

/**
 * Merges the parts of a load into one record: it computes the metrics from the facts of all parts, as for one run.
 * Every message counts once, and quantiles are taken over all values, never averaged.
 */
export async function merge(
  parts: Parts,
  options: {
    readonly scenario: Scenario;
    readonly resultsDir: string;
    readonly baseDir: string;
    readonly clock: Clock;
    readonly reproduce: string;
  },
): Promise<{ readonly record: RunRecord; readonly dir: string }> {
  const { scenario, resultsDir, baseDir, clock, reproduce } = options;
  const [leader] = parts;
  const seen = readHandOver(leader.dir);
  checkHandOver(seen, leader.record, leader.dir);
  const observed = {
    ...seen,
    incidents: [...seen.incidents, ...clockIncidents(parts, seen.endedMs)],
  };
  const { manifest } = loadPipeline(scenario.pipeline.use, baseDir);
  await using facts = await openFacts();
  await facts.confine([resultsDir, ...parts.map(({ dir }) => dir)]);
  await joinFacts(facts, parts);
  await checkFacts(facts, seen);
  await checkTables(facts, seen, datasetsOf(manifest, scenario.traffic));
  const folder = createRunFolder(resultsDir, scenario.name, clock.nowMs());
  using journal = openJournal(folder.dir, clock);
  journal.note('merge', { parts: parts.map(({ record }) => record.id) });
  const { startedAt, environment, stack, pipeline, seed, tookMs } = leader.record;
  const first: UnmeasuredRecord = {
    ...startedRecord({
      id: folder.id,
      scenario: leader.record.scenario,
      ...{ seed, startedAt, environment, pipeline, reproduce },
      ...(stack === undefined ? {} : { stack }),
    }),
    tookMs,
    shards: parts.map(({ shard }) => shard),
  };
  const concluded = await buildRecord(
    {
      ...{ facts, scenario, manifest, observed, dir: resolve(folder.dir) },
      note: journal.note,
    },
    first,
  );
  const record: RunRecord = { ...first, ...concluded, tookMs };
  writeRecord(folder.dir, record);
  journal.note('run-end', { outcome: record.outcome, verdict: record.verdict });
  return { record, dir: folder.dir };
}

async function joinFacts(facts: Pick<Facts, 'run'>, parts: readonly Part[]): Promise<void> {
  for (const table of Object.keys(FACTS) as FactTable[]) {
    const from = TABLES_OF_EVERY_SHARD.includes(table) ? parts : parts.slice(0, 1);
    for (const { dir, shard } of from) {
      const file = parquetFiles(dir).files.find(({ name }) => name === table);
      if (file === undefined) {
        throw badInput(`${dir} has no file ${table}.parquet: the shard's facts are incomplete`);
      }
      // Rows of the leader's machine are the run's own; those of other machines get their shard number.
      const columns =
        table === 'resources' && shard.number > 1
          ? `COLUMNS(lambda name: name <> 'shard'), ${shard.number} AS shard`
          : '*';
      await taken(facts, table, { columns, path: file.path });
    }
  }
}

async function taken(
  facts: Pick<Facts, 'run'>,
  table: FactTable,
  { columns, path }: { readonly columns: string; readonly path: string },
): Promise<void> {
  const source = `read_parquet(${quoted(literalGlob(path))})`;
  try {
    await facts.run(`INSERT INTO ${table} BY NAME SELECT ${columns} FROM ${source}`);
  } catch (error) {
    const fact = (error as Error).message.split('\n')[0];
    throw badInput(`cannot read ${path}: ${fact}`, 'copy the folder of the shard again');
  }
}

/** Reasons why the stamps of different machines are not comparable. */
function clockIncidents(parts: readonly Part[], atMs: number): readonly Incident[] {
  return parts.flatMap(({ shard: { number, clock } }) => {
    const apartMs = number > 1 ? (clock.apartMs ?? 0) : 0;
    const unsure = clock.widthMs / 2 + Math.abs(clock.driftMs);
    const incident = (rule: string, fact: string): Incident => ({
      ...{ atMs, probe: 'shards', rule, limit: `${CLOCKS_APART_MS} ms` },
      fact: `shard ${number}: ${fact}`,
    });
    return [
      ...(unsure > CLOCKS_APART_MS
        ? [
            incident(
              'one clock for all shards',
              `its clock is known to ±${(clock.widthMs / 2).toFixed(1)} ms and moved by ${clock.driftMs.toFixed(1)} ms`,
            ),
          ]
        : []),
      // The leader's own gap is judged with its other facts.
      ...(apartMs > CLOCKS_APART_MS
        ? [
            incident(
              'clocks apart',
              `its wall clock and its monotonic one were ${apartMs.toFixed(1)} ms apart`,
            ),
          ]
        : []),
    ];
  });
}
