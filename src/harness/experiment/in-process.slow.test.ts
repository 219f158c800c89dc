import { describe, expect, test } from 'vitest';
import {
  completedRecord,
  spikeStaleness,
  verdictOf,
  virtualTrial,
} from '../../../test/support/virtual-trial.ts';
import { summarize } from '../../reports/summary.ts';

describe('a defect of a pipeline in this process', () => {
  test('a delay that is known is found, to the millisecond', async () => {
    const [before, after] = [
      spikeStaleness(completedRecord(await virtualTrial('in-time', '{}'))),
      spikeStaleness(completedRecord(await virtualTrial('late', '{ delay_ms: 4000 }'))),
    ];
    // Two whole commit intervals: every row is in the second commit after the one it would have been in.
    expect(after).toEqual({ n: before.n, p50: before.p50 + 4_000, max: before.max + 4_000 });
  });

  test('rows that are lost are counted as lost, and the run fails', async () => {
    const record = completedRecord(await virtualTrial('losing', '{ lose_every: 20 }'));
    expect(record.verdict).toBe('FAIL');
    expect(record.truth.lost).toBeGreaterThan(0);
    expect(record.truth.duplicated).toBe(0);
  });

  test('rows that are there twice are counted as duplicated, and the run fails', async () => {
    const record = completedRecord(await virtualTrial('doubling', '{ duplicate_every: 20 }'));
    expect(record.verdict).toBe('FAIL');
    expect(record.truth).toMatchObject({ lost: 0 });
    expect(record.truth.duplicated).toBeGreaterThan(0);
  });

  test('rows that fall back to an older version are found, although all is right in the end', async () => {
    const record = completedRecord(
      await virtualTrial('unguarded', '{ version_guard: false }', (text) =>
        text.replace('rate: 5%, delay: 500ms', 'rate: 40%, delay: 2s'),
      ),
    );
    expect(record.regressions?.rows).toBeGreaterThan(0);
    expect(record.verdict).not.toBe('PASS');
  });
});

describe('maintenance by a trigger', () => {
  const by = (policy: string) => (text: string) =>
    text
      .replace(
        'commit_every: 2s }',
        `commit_every: 2s, compaction: { by: in-process, ${policy} } }`,
      )
      .replace('{ name: spike, for: 30s', '{ name: calm, for: 10s }\n  - { name: spike, for: 30s');

  test('runs at its interval outside the phases that are left out, and each run is in the record', async () => {
    const edit = by('trigger: { every: 4s }, not_during: [calm, after]');
    const record = completedRecord(await virtualTrial('timed', '{}', edit));
    expect(verdictOf(record), JSON.stringify(record.invalid)).toBe('PASS');
    const { runs = [], waitedMs } = record.maintenance ?? {};
    // Due at 4 s, in the calm phase; from 12 s on in the spike, until the load ends at 42 s.
    expect(runs.map(({ startMs }) => Math.round(startMs / 1_000))).toEqual([
      12, 16, 20, 24, 28, 32, 36, 40,
    ]);
    expect(new Set(runs.map(({ phase }) => phase))).toEqual(new Set(['spike']));
    expect(waitedMs?.phase).toBeGreaterThan(7_500);
    expect(waitedMs).toMatchObject({ queries: 0 });
    for (const run of runs) {
      expect(run).toMatchObject({ trigger: 'time', outcome: 'committed', actions: ['rewrite'] });
      expect(run.rewrittenFiles).toBeGreaterThan(run.addedFiles);
      expect(run.endMs).toBeGreaterThan(run.startMs);
      expect(run.steps?.map(({ action }) => action)).toEqual(['rewrite']);
      expect(run.after?.dataFiles).toBeLessThan(run.before?.dataFiles ?? 0);
      expect(run.lacking).toContain(
        'S3 requests: the object store was not sampled from its start to its end',
      );
    }
    expect(summarize(record).sections.map(({ id }) => id)).toContain('maintenance');
  });

  test('runs at a number of files, which then never stays above it', async () => {
    const edit = by('trigger: { delete_files: 4 }');
    const record = completedRecord(await virtualTrial('counted', '{}', edit));
    const { runs = [] } = record.maintenance ?? {};
    expect(runs.length).toBeGreaterThan(2);
    expect(new Set(runs.map(({ trigger }) => trigger))).toEqual(new Set(['delete files']));
    for (const run of runs) expect(run.removedDeleteFiles).toBeGreaterThanOrEqual(4);
    const live = record.layout.marks.filter(({ table }) => table === 'inventory');
    // A commit can add files between the look and the rewrite.
    expect(Math.max(...live.map((one) => one.equalityDeleteFiles))).toBeLessThanOrEqual(6);
  });

  test("runs by Amoro's rule at twelve fragments and equality deletes", async () => {
    const record = completedRecord(await virtualTrial('amoro', '{}', by('trigger: { amoro: {} }')));
    const { runs = [] } = record.maintenance ?? {};
    expect(runs.length).toBeGreaterThan(1);
    for (const run of runs) {
      expect(run.trigger).toBe('amoro minor');
      expect(run.rewrittenFiles + (run.removedDeleteFiles ?? 0)).toBeGreaterThanOrEqual(12);
    }
  });

  test('that waits for queries says for how long', async () => {
    const edit = by('trigger: { every: 2s }, queries: wait');
    const slow = (text: string) =>
      edit(text).replace('queries: { every: 2s', 'queries: { every: 50ms');
    const record = completedRecord(await virtualTrial('waiting', '{}', slow));
    const { runs = [], waitedMs } = record.maintenance ?? {};
    expect(waitedMs?.queries).toBeGreaterThan(0);
    expect(runs.length).toBeLessThan(21);
  });
});

test('a compaction saves what its files say, and pays back after so many rounds', async () => {
  const edit = (text: string) =>
    text
      .replace('commit_every: 2s }', 'commit_every: 2s, compaction: { by: in-process } }')
      .replace(
        '  - { name: after, do: query }',
        '  - { name: before, do: query }\n  - { name: compact, do: maintain, actions: [rewrite] }\n  - { name: after, do: query }',
      );
  const record = completedRecord(await virtualTrial('compacted', '{}', edit));
  expect(verdictOf(record), JSON.stringify(record.invalid)).toBe('PASS');
  const [compaction] = record.compactions;
  expect(compaction).toMatchObject({ phase: 'compact', by: 'in-process', outcome: 'committed' });
  expect(compaction).toMatchObject({ actions: ['rewrite'], expiredFiles: 0 });
  const filesAt = (mark: string) =>
    record.layout.marks
      .filter((one) => one.mark === mark)
      .reduce((sum, one) => sum + one.dataFiles + one.equalityDeleteFiles, 0);
  const [before, after] = [filesAt('before'), filesAt('after')];
  expect(before).toBeGreaterThan(3 * after);
  // Two queries, each of which takes half a millisecond per file.
  const { roundBefore = 0, roundAfter = 0, coreSeconds, payback } = compaction ?? {};
  expect(roundBefore - roundAfter).toBeCloseTo((2 * 0.5 * (before - after)) / 1_000, 6);
  expect(payback).toMatchObject({
    kind: 'pays back',
    rounds: expect.closeTo((coreSeconds as number) / (roundBefore - roundAfter), 6),
  });
});

test('opening stock that is inserted in bulk is one snapshot without deletes, and nothing else differs', async () => {
  const bulk = (text: string) => text.replace('preload: assortment', 'via: bulk');
  const [streamed, inserted] = [
    completedRecord(await virtualTrial('streamed', '{}')),
    completedRecord(await virtualTrial('inserted', '{}', bulk)),
  ];
  expect(verdictOf(inserted), JSON.stringify(inserted.invalid)).toBe('PASS');
  const table = (record: typeof inserted) =>
    record.truth?.tables.find((one) => one.table === 'inventory');
  expect(table(inserted)).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
  expect(table(inserted)?.expected).toBe(table(streamed)?.expected);
  const filesOf = (record: typeof inserted) =>
    record.layout.marks.find(({ mark, table }) => mark === 'warmup' && table === 'inventory');
  // Every commit of the stage has deletes; that of the opening stock has none.
  const { dataFiles = 0, equalityDeleteFiles } = filesOf(streamed) ?? {};
  expect(equalityDeleteFiles).toBe(dataFiles);
  expect(filesOf(inserted)?.equalityDeleteFiles).toBe((filesOf(inserted)?.dataFiles ?? 0) - 1);
  // It was never in the log.
  const { acknowledged, appended } = inserted.producing.total;
  expect(acknowledged).toBe(appended);
  expect(acknowledged).toBe(streamed.producing.total.acknowledged - 80);
});
