import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { readRecord } from '../../src/record/read.ts';
import { aloneFolder } from '../support/alone.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';

/** A run that cannot pass any more ends early, through the built binary; the pipeline needs no server. */

const dir = aloneFolder('abort', {
  long: {
    commitEvery: '2s',
    phases: ['{ name: load, for: 10m }'],
    checks: ['lost == 0', 'age(inventory).max during load < 1s'],
  },
});

test('ten minutes of load end at the first change that is too late, and the record says why', async () => {
  const { ended, said } = startDoorbuster(dir, 'run', 'long.yaml', '--abort-on-fail');
  expect(await ended, said()).toBe(EXIT.checkFailed);
  const record = readRecord(runIn(join(dir, 'results')) as string);
  expect(record).toMatchObject({ outcome: 'aborted', verdict: 'FAIL', exitCode: EXIT.checkFailed });
  expect(record.checks).toMatchObject([{ text: 'age(inventory).max during load < 1s' }]);
  expect(record.tookMs).toBeLessThan(120_000);
  expect(record.metrics.length).toBeGreaterThan(10);
  expect(said()).toContain('stopped early: age(inventory).max during load < 1s');
  const listed = startDoorbuster(dir, 'list');
  expect(await listed.ended).toBe(EXIT.pass);
  expect(listed.said()).toMatch(/FAIL/);
}, 180_000);

test('what cannot be cut short is refused before anything starts', async () => {
  for (const args of [
    ['--repeat', '2'],
    ['--shard', '1/2', '--load', 'x'],
  ]) {
    const refused = startDoorbuster(dir, 'run', 'long.yaml', '--abort-on-fail', ...args);
    expect(await refused.ended, refused.said()).toBe(EXIT.badInput);
    expect(refused.said()).toContain('--abort-on-fail');
  }
});
