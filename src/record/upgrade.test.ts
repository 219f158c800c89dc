import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { parseRecord, readRecord } from './read.ts';
import type { CompletedRecord, RunRecord, UnmeasuredRecord } from './record.ts';
import { recordText } from './write.ts';

const dirOf = (name: string) =>
  fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
const textOf = (name: string) => readFileSync(`${dirOf(name)}/record.json`, 'utf8');
type Json = Record<string, unknown>;
const jsonOf = (name: string) => JSON.parse(textOf(name)) as Json;
const upgraded = (record: Json) => parseRecord(JSON.stringify(record), 'record.json');

/** As version 1 wrote the record of a run at its beginning. */
function begun(): Json {
  const { id, scenario, seed, startedAt, environment, pipeline, reproduce } =
    jsonOf('black-friday');
  return {
    ...{ version: 1, id, scenario, seed, startedAt, environment, pipeline, reproduce },
    ...{ t0Ms: null, tookMs: null, outcome: 'interrupted', verdict: null, exitCode: 130 },
    ...{ headline: { text: 'interrupted', warnings: [] }, phases: [], drain: null, metrics: [] },
    ...{ staleness: [], waterfall: [], layout: null, queries: null, compaction: null, truth: null },
    ...{ canaries: null, producing: null, self: null, cost: null },
    ...{ invalid: [], checks: [], failures: [] },
  };
}

describe.each(['black-friday', 'quick'])('%s, a record of version 1', (name) => {
  test('is read as version 2, and every number that it had is there', () => {
    expect(jsonOf(name)).toMatchObject({ version: 1 });
    const record = completedRecord(dirOf(name));
    expect(record).toMatchObject({ version: 2, outcome: 'completed', measured: true });
    const { version, truth, compaction, ...before } = jsonOf(name);
    expect(version).toBe(1);
    expect(record).toMatchObject(before);
    expect(record.truth).toMatchObject(truth as object);
    expect(record.compactions).toMatchObject(compaction === null ? [] : [compaction as object]);
  });

  test('is written as version 2, and read back as the same', () => {
    const text = recordText(completedRecord(dirOf(name)));
    expect(JSON.parse(text)).toMatchObject({ version: 2 });
    expect(parseRecord(text, 'record.json')).toEqual(completedRecord(dirOf(name)));
  });
});

test('what a record did not keep is named, and nothing is made up for it', () => {
  const old = completedRecord(dirOf('black-friday'));
  expect(old.notRecorded).toEqual([
    ...['endedMs', 'regressions', 'promises'],
    ...['canaries.unsent', 'canaries.inCensus', 'canaries.polls', 'canaries.failedPolls'],
    ...['producing.partitions', 'self.foreign'],
  ]);
  expect(old).toMatchObject({ endedMs: null, regressions: null, promises: null });
  expect(old.canaries).toMatchObject({ unsent: null, polls: null });
  expect(old.truth.tables.map(({ readBy }) => readBy)).toEqual(old.truth.tables.map(() => null));
  expect(completedRecord(dirOf('quick')).notRecorded).toEqual([]);
});

test('a run that had measured nothing has no place for a number', () => {
  const record = upgraded(begun());
  expect(record).toMatchObject({ version: 2, outcome: 'interrupted', measured: false, t0Ms: null });
  const { stats } = (jsonOf('quick').metrics as { stats: unknown }[])[0] ?? {};
  expect(stats).toBeDefined();
  expect(() => upgraded({ ...begun(), metrics: jsonOf('quick').metrics })).toThrow(/metrics/);
});

test('a run that was cut short keeps what it had measured, and has no verdict', () => {
  const cut = {
    ...jsonOf('quick'),
    ...{ outcome: 'stack-broke', verdict: null, exitCode: 3, truth: null, checks: [] },
  };
  const record = upgraded(cut);
  expect(record).toMatchObject({ outcome: 'stack-broke', measured: true, truth: null });
  expect(record.metrics).toEqual(jsonOf('quick').metrics);
  expect(() => upgraded({ ...cut, verdict: 'PASS' })).toThrow(/verdict/);
});

test('a completed run without a verdict, its truth or its numbers is refused', () => {
  expect(() => upgraded({ ...jsonOf('quick'), verdict: null })).toThrow(/verdict/);
  expect(() => upgraded({ ...jsonOf('quick'), truth: null })).toThrow(/truth/);
  expect(() => upgraded({ ...jsonOf('quick'), queries: null })).toThrow(/queries/);
});

test('the part of a shard was a completed run, and is an outcome of its own', () => {
  const shard = {
    ...{ load: 'friday', number: 1, of: 2 },
    clock: { offsetMs: 1, widthMs: 2, driftMs: 0 },
  };
  const part = { ...begun(), outcome: 'completed', exitCode: 0, t0Ms: 1, tookMs: 20_000, shard };
  expect(upgraded(part)).toMatchObject({
    ...{ outcome: 'part', measured: false, verdict: null, t0Ms: 1 },
    shard: { load: 'friday', cores: null, clock: { apartMs: null } },
  });
  expect(() => upgraded({ ...part, verdict: 'PASS' })).toThrow(/verdict/);
});

test('an impossible record does not type-check', () => {
  const good = completedRecord(dirOf('quick'));
  // @ts-expect-error a completed run has a verdict
  const noVerdict: RunRecord = { ...good, verdict: null };
  // @ts-expect-error a completed run was compared with the truth
  const noTruth: RunRecord = { ...good, truth: null };
  // @ts-expect-error a run that was interrupted is not judged
  const judged: RunRecord = { ...good, outcome: 'interrupted' };
  // @ts-expect-error a run that measured nothing has no metrics
  const numbers: UnmeasuredRecord['metrics'] = good.metrics;
  // @ts-expect-error it began to measure, or it did not
  const both: RunRecord = { ...good, measured: false };
  for (const record of [noVerdict, noTruth, judged, both]) {
    expect(() => recordText(record)).toThrow();
  }
  expect(numbers).toBe((good satisfies CompletedRecord).metrics);
});

describe.each(['completed', 'aborted'])('a record of version 2 of a run that is %s', (outcome) => {
  const name = `version-2/${outcome}`;

  test('is read as it was written, and written as it was read', () => {
    expect(jsonOf(name)).toMatchObject({ version: 2, outcome });
    const record = readRecord(dirOf(name));
    expect(record).toEqual(jsonOf(name));
    expect(recordText(record)).toBe(textOf(name));
  });
});
