import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import { readJournal } from '../../src/record/journal.ts';
import { readRecord } from '../../src/record/read.ts';
import type { Repetition } from '../../src/reports/repetition.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';
import { processesNaming } from '../support/processes.ts';

/** Several trials on one stack, through the built binary. */

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-repeat-'));
mkdirSync(join(dir, 'tmp'));
/** With the fewest servers: what they are is not what is tested. */
const TINY = `name: tiny
seed: 5
retail: { stores: 3, skus: 60, assortment: 20, hours: flat }
traffic:
  pos: { receipts: 3600/store/h }
pipeline: { use: batch, commit_every: 1s }
stack: { partitions: 2, jit: c1 }
phases:
  - { name: load, for: 4s }
checks:
  - lost == 0
`;
writeFileSync(join(dir, 'tiny.yaml'), TINY);
// The same without servers: what is kept of a series does not depend on them.
const inProcess = join(packageRoot, 'test/pipelines/in-process');
writeFileSync(join(dir, 'alone.yaml'), TINY.replace('use: batch', `use: ${inProcess}`));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What the series in these results has written down so far. */
function seriesIn(results: string) {
  const series = runIn(join(dir, results)) as string;
  const path = join(series, RUN_FILES.repeat);
  const trials = existsSync(series)
    ? readdirSync(series).filter((name) => existsSync(join(series, name, RUN_FILES.record)))
    : [];
  return {
    series,
    trials: trials.map((name) => join(series, name)),
    written: existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Repetition) : null,
  };
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 2_000) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('a run that is repeated', () => {
  test('has a record per trial, with a seed and names of its own, and one report of all', async () => {
    const { ended, said } = startDoorbuster(
      dir,
      ...['run', 'tiny.yaml', '--repeat', '2', '--results', 'two'],
    );
    const code = await ended;
    const { series, trials, written } = seriesIn('two');
    const report = written as Repetition;
    expect(trials, said()).toHaveLength(2);
    const records = trials.map((trial) => readRecord(trial));
    expect(
      records.map(({ outcome }) => outcome),
      said(),
    ).toEqual(['completed', 'completed']);
    expect(records.map(({ seed }) => seed)).toEqual([5, 6]);
    expect(new Set(records.map(({ stack }) => stack?.name)).size).toBe(1);
    expect(new Set(records.map(({ stack }) => stack?.namespace)).size).toBe(2);
    for (const { truth } of records) expect(truth).toMatchObject({ lost: 0, duplicated: 0 });

    expect(report.runs.map(({ run, verdict, seed }) => [run, verdict, seed])).toEqual(
      records.map(({ id, verdict, seed }) => [id, verdict, seed]),
    );
    // How fast this machine is decides which of them are to be trusted.
    const counted = records.filter(({ verdict }) => verdict !== 'INVALID');
    expect(report.counted).toBe(counted.length);
    const taken = counted.flatMap(({ metrics }) =>
      metrics.flatMap((one) =>
        one.shape === 'distribution' && one.name === 'staleness' && one.phase === 'load'
          ? [one.stats.p50]
          : [],
      ),
    );
    const spread = report.metrics.find(
      ({ name, phase, stat }) => name === 'staleness' && phase === 'load' && stat === 'p50',
    )?.spread;
    expect(spread?.values.map(({ value }) => value) ?? []).toEqual(taken);
    const codes = { PASS: EXIT.pass, FAIL: EXIT.checkFailed, INVALID: EXIT.invalid };
    expect(code, said()).toBe(codes[report.verdict as keyof typeof codes]);
    expect(said()).toContain(`${report.verdict}  ${counted.length} of 2 trials counted`);
    expect(said()).toMatch(/estimate {2}2 trials of about/);
    expect(readFileSync(join(series, RUN_FILES.repeatMarkdown), 'utf8')).toContain('| lost == 0 |');
    expect(readdirSync(join(series, 'logs'))).toContain('kafka.log');
    expect(processesNaming(dir)).toEqual([]);
  });

  test('keeps the trials that had ended when it is interrupted', async () => {
    const { child, ended, said } = startDoorbuster(
      dir,
      ...['run', 'alone.yaml', '--repeat', '3', '--seeds', 'same', '--json', '--results', 'cut'],
    );
    const begun = () =>
      seriesIn('cut').trials.length === 2 &&
      seriesIn('cut').trials.every((trial) =>
        readJournal(trial).entries.some(({ kind }) => kind === 'phase-begin'),
      );
    await until(() => runIn(join(dir, 'cut')) !== undefined && begun());
    child.kill('SIGINT');
    expect(await ended, said()).toBe(EXIT.interrupted);
    const { written, trials } = seriesIn('cut');
    expect(written).toMatchObject({ trials: 3, exitCode: EXIT.interrupted });
    expect(written?.runs).toMatchObject([
      { number: 1, seed: 5, outcome: 'completed' },
      { number: 2, seed: 5, outcome: 'interrupted', verdict: null, counted: false },
    ]);
    expect(trials).toHaveLength(2);
    expect(said()).toContain('"scenario": "tiny"');
    expect(processesNaming(dir)).toEqual([]);
  });
});
