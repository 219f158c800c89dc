import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXIT } from '../core/exit-codes.ts';
import { readRecord } from '../record/read.ts';
import { showRecord } from './write-reports.ts';

const record = readRecord(
  fileURLToPath(new URL('../../test/fixtures/black-friday', import.meta.url)),
);

const SHORT = { json: false, summary: 'short' } as const;
const JSON_ONLY = { json: true, summary: 'short' } as const;

let dir: string;
let said: string[];
let shown: string[];
const terminal = {
  result: (text: string) => void shown.push(text),
  say: (text: string) => void said.push(text),
  ...{ live: false, columns: 100 },
};
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doorbuster-reports-'));
  [said, shown] = [[], []];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a report that cannot be written is an error, the others are written, and a pass is none', () => {
  mkdirSync(join(dir, 'report.html', 'in the way'), { recursive: true });
  const code = showRecord(terminal, { record: { ...record, exitCode: EXIT.pass }, dir }, JSON_ONLY);
  expect(code).toBe(EXIT.badInput);
  expect(said.filter((line) => line.includes('error'))).toEqual([
    expect.stringContaining(join(dir, 'report.html')),
  ]);
  expect(readFileSync(join(dir, 'report.md'), 'utf8')).toContain(record.headline.text.slice(0, 30));
  expect(existsSync(join(dir, 'junit.xml'))).toBe(true);
  // A report that fails does not hide what the run came to.
  expect(JSON.parse(shown[0] as string)).toEqual({ ...record, exitCode: EXIT.pass });
});

test('a run that failed keeps its own exit code, whatever becomes of its reports', () => {
  mkdirSync(join(dir, 'report.html', 'in the way'), { recursive: true });
  for (const exitCode of [EXIT.checkFailed, EXIT.noData, EXIT.stackBroke]) {
    expect(showRecord(terminal, { record: { ...record, exitCode }, dir }, SHORT)).toBe(exitCode);
  }
  const fresh = join(dir, 'fresh');
  mkdirSync(fresh);
  const passed = { record: { ...record, exitCode: EXIT.pass }, dir: fresh };
  expect(showRecord(terminal, passed, SHORT)).toBe(0);
});

test('the last line is the verdict and the exit code, whatever was said before', () => {
  mkdirSync(join(dir, 'report.html', 'in the way'), { recursive: true });
  showRecord(terminal, { record: { ...record, exitCode: EXIT.pass }, dir }, SHORT);
  expect(shown[0]?.trimEnd().split('\n').at(-1)).toBe(
    'PASS  all 7 checks passed (exit code 2, for a report could not be written)',
  );
  expect(shown[0]).toContain(`\nall     doorbuster report ${dir}\n`);
  expect(said.filter((line) => !line.includes('error'))).toEqual([]);
});

test('the full summary is every table, and says which files were written', () => {
  showRecord(terminal, { record, dir }, { json: false, summary: 'full' });
  expect(shown[0]).toContain('Health of the harness');
  expect(said).toHaveLength(3);
});
