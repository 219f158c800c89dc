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

test('a report that cannot be written is told, the others are there, and a pass is none', () => {
  mkdirSync(join(dir, 'report.html', 'in the way'), { recursive: true });
  const code = showRecord(terminal, { record: { ...record, exitCode: EXIT.pass }, dir }, true);
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
    expect(showRecord(terminal, { record: { ...record, exitCode }, dir }, false)).toBe(exitCode);
  }
  rmdirAll();
  expect(showRecord(terminal, { record: { ...record, exitCode: EXIT.pass }, dir }, false)).toBe(0);
});

function rmdirAll(): void {
  dir = join(dir, 'fresh');
  mkdirSync(dir);
}
