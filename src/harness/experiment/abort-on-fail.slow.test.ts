import { expect, test } from 'vitest';
import { completedRecord, verdictOf, virtualTrial } from '../../../test/support/virtual-trial.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { readRecord } from '../../record/read.ts';
import { FORMATS, formats } from '../../reports/formats.ts';
import type { RunEvent } from './progress.ts';

/** Runs with `--abort-on-fail` on a pipeline in this process, whose rows wait up to 2 s for a commit. */

const withChecks =
  (...checks: readonly string[]) =>
  (text: string) =>
    text.replace(/checks:[\s\S]*$/, `checks:\n${checks.map((one) => `  - ${one}\n`).join('')}`);
const run = (name: string, ...checks: readonly string[]) =>
  virtualTrial(name, '{}', withChecks(...checks), { abortOnFail: true });

test('a maximum that is exceeded ends the run at once, with what it has measured', async () => {
  const check = 'staleness(inventory).max during spike < 500ms';
  const { record, dir } = await run('too-late', 'lost == 0', check);
  expect(record).toMatchObject({
    ...{ outcome: 'aborted', verdict: 'FAIL', exitCode: EXIT.checkFailed, measured: true },
    ...{ truth: null, failures: [], invalid: expect.any(Array) },
    checks: [{ text: check, verdict: 'FAIL', limit: 500, unit: 'ms' }],
  });
  expect(record.headline.text).toMatch(/^stopped early: staleness\(inventory\)\.max/);
  const ended = (record.endedMs ?? Number.NaN) - 2_000;
  expect(ended).toBeGreaterThan(0);
  expect(ended).toBeLessThan(15_000);
  // The phase that was cut short is in the record up to then.
  expect(record.phases.map(({ name }) => name)).toEqual(['warmup', 'spike']);
  const seen = record.metrics.find(
    ({ name, of, phase }) => name === 'staleness' && of === 'inventory' && phase === 'spike',
  );
  if (seen?.shape !== 'distribution' || seen.samples?.kind !== 'raw') throw new Error('no samples');
  expect(seen.samples.values.some((ms) => ms === null || ms >= 500)).toBe(true);
  expect(readRecord(dir)).toEqual(record);
  for (const name of FORMATS) {
    const shown = formats[name].render(record, { color: false, columns: 100 });
    expect(shown, name).toContain('FAIL');
  }
});

test('a quantile is decided when its phase is over, and the phases after it do not run', async () => {
  const { record } = await run(
    'too-late-mostly',
    'staleness(inventory).p50 during spike < 200ms',
    'files(inventory) during spike < 1000',
  );
  expect(record.outcome).toBe('aborted');
  expect(record.checks.map(({ text }) => text)).toEqual([
    'staleness(inventory).p50 during spike < 200ms',
  ]);
  expect(record.phases.map(({ name }) => name)).toEqual(['warmup', 'spike']);
});

test('the age of what is not visible ends a run whose rows do not become visible at all', async () => {
  const { record } = await virtualTrial(
    'aged',
    '{}',
    (text) =>
      withChecks('age(inventory).max during spike < 5s')(text).replace(
        'commit_every: 2s',
        'commit_every: 20s',
      ),
    { abortOnFail: true },
  );
  expect(record.outcome).toBe('aborted');
  expect(record.endedMs).toBeLessThan(20_000);
});

test('checks that hold, and those that only the end can decide, leave the run alone', async () => {
  const { record } = await run(
    'in-time',
    'staleness(inventory).max during spike < 10s',
    'staleness(inventory).p99 during spike < 10s',
    'age(inventory).max < 10s',
    'query_failed(full-aggregate) == 0',
    'files(inventory) during spike < 1000',
    'backlog(inventory) during spike < 100000',
    'lost == 0',
  );
  const completed = completedRecord({ record });
  expect(verdictOf(completed), JSON.stringify(completed.invalid)).toBe('PASS');
});

test('a run that only reports shows its backlog and the checks that have failed, and goes on to its end', async () => {
  const late = 'staleness(inventory).max during spike < 1s';
  const seen: Extract<RunEvent, { kind: 'so-far' }>[] = [];
  const onEvent = (event: RunEvent) => {
    if (event.kind === 'so-far') seen.push(event);
  };
  const { record } = await virtualTrial('watched', '{}', withChecks('lost == 0', late), {
    ...{ reportSoFar: true, onEvent },
  });
  expect(record).toMatchObject({
    outcome: 'completed',
    checks: [{ verdict: 'PASS' }, { text: late, verdict: 'FAIL' }],
  });
  expect(seen.length).toBeGreaterThan(5);
  expect(seen[0]?.checks).toEqual(['lost == 0', late]);
  expect(seen.at(-1)?.failed).toEqual([late]);
  // At a commit every 2 s something waits most of the time, and nothing for much longer.
  const stock = seen.flatMap(({ backlog }) => backlog.filter((one) => one.dataset === 'inventory'));
  expect(stock.length).toBeGreaterThan(5);
  expect(Math.max(...stock.map(({ changes }) => changes))).toBeGreaterThan(0);
  const ages = stock.map(({ ageMs }) => ageMs);
  expect(Math.max(...ages)).toBeGreaterThan(0);
  expect(Math.max(...ages)).toBeLessThan(5_000);
  for (const { changes, ageMs } of stock) if (changes > 0) expect(ageMs).toBeGreaterThan(0);
  // After the load it is not computed, and unknown.
  expect(seen.at(-1)?.backlog).toEqual([]);
});
