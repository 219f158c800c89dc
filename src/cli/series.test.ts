import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../core/exit-codes.ts';
import { RUN_FILES } from '../record/folder.ts';
import { listRuns } from '../record/list.ts';
import { readRecord } from '../record/read.ts';
import { readSeries, seriesDir } from '../record/series.ts';
import { type Repetition, repetitionOf } from '../reports/repetition.ts';
import { reportSeries, writeSeries } from './series.ts';

const fixture = new URL('../../test/fixtures/quick', import.meta.url).pathname;

let results: string;
let dir: string;
let written: Repetition;
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'doorbuster-series-'));
  dir = join(results, '20261127T120000Z-quick-x3-abcd');
  const trials = [1, 2].map((number) => {
    const record = { ...readRecord(fixture), id: `trial-${number}` };
    mkdirSync(join(dir, record.id), { recursive: true });
    copyFileSync(join(fixture, RUN_FILES.record), join(dir, record.id, RUN_FILES.record));
    return { number, seed: 41 + number, record };
  });
  const plan = { id: 'x', trials: 3, seeds: 'increment', reproduce: 'doorbuster run' } as const;
  written = repetitionOf(plan, trials);
  writeSeries(dir, written);
});
afterEach(() => rmSync(results, { recursive: true, force: true }));

function reported(format: Parameters<typeof reportSeries>[1]) {
  const printed: string[] = [];
  const terminal = { columns: 100, result: (text: string) => void printed.push(text) };
  return { code: reportSeries(dir, format, terminal), text: printed.join('\n') };
}

describe('the folder of a series', () => {
  test('is known by itself and by its file, and a run is none', () => {
    expect(seriesDir(dir)).toBe(dir);
    expect(seriesDir(join(dir, RUN_FILES.repeat))).toBe(dir);
    expect(seriesDir(fixture)).toBeNull();
    expect(seriesDir(join(results, 'nowhere'))).toBeNull();
  });

  test('is one row of the list, with its trials', () => {
    expect(listRuns(results)).toEqual([
      {
        ...{ kind: 'series', id: '20261127T120000Z-quick-x3-abcd', dir, scenario: 'quick' },
        ...{ verdict: written.verdict, trials: 3, counted: written.counted },
        runs: [join(dir, 'trial-1'), join(dir, 'trial-2')],
      },
    ]);
  });

  test('is reported from the records of its trials, whatever its file says of them', () => {
    const path = join(dir, RUN_FILES.repeat);
    const claimed = { ...written, metrics: [], counted: 99 };
    writeFileSync(path, JSON.stringify(claimed));
    rmSync(join(dir, RUN_FILES.repeatMarkdown));
    const { code, text } = reported('json');
    expect(code).toBe(EXIT.pass);
    const { runs: _ids, ...computed } = JSON.parse(text);
    const { runs: _names, ...expected } = JSON.parse(JSON.stringify(written));
    expect(computed).toEqual(expected);
    expect(reported('markdown').text).toBe(
      readFileSync(join(dir, RUN_FILES.repeatMarkdown), 'utf8'),
    );
    expect(reported('terminal').text).toContain('doorbuster run');
    // The file of the series is a result, and stays as it was.
    expect(readFileSync(path, 'utf8')).toBe(JSON.stringify(claimed));
  });

  test('has no report that only a run can have', () => {
    expect(() => reported('junit')).toThrow(
      'a series has no junit report, only terminal, short, markdown, json',
    );
  });

  test('is refused without one of its trials, and where its file names a path or is none', () => {
    const path = join(dir, RUN_FILES.repeat);
    const { runs, ...rest } = written;
    writeFileSync(
      path,
      JSON.stringify({ ...rest, runs: [{ ...runs[0], run: '../../elsewhere' }] }),
    );
    expect(() => readSeries(dir)).toThrow(/runs\[0\]\.run: must be the name of a folder/);
    writeFileSync(path, '{');
    expect(() => readSeries(dir)).toThrow(/repeat\.json is not JSON/);
    expect(listRuns(results)).toMatchObject([{ kind: 'unreadable' }]);
    writeSeries(dir, written);
    rmSync(join(dir, 'trial-2'), { recursive: true });
    expect(existsSync(dir)).toBe(true);
    expect(() => readSeries(dir)).toThrow(/trial-2/);
  });
});
