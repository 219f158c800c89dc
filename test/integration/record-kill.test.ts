import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import { entryFile } from '../../src/harness/entry.ts';
import { readJournal } from '../../src/record/journal.ts';
import { readRecord } from '../../src/record/read.ts';

const fixture = fileURLToPath(new URL('../fixtures/black-friday', import.meta.url));

/** Writes journal and record over and over, as a run does, until it is killed. */
const WRITER = `
  const [dir, fixture] = process.argv.slice(1);
  const { openJournal } = await import('${entryFile('record/journal').href}');
  const { writeRecord } = await import('${entryFile('record/write').href}');
  const { readRecord } = await import('${entryFile('record/read').href}');
  const record = readRecord(fixture);
  const journal = openJournal(dir, { nowMs: () => 1 });
  writeRecord(dir, record);
  process.stdout.write('started');
  for (let i = 0; ; i++) {
    for (let line = 0; line < 50; line++) journal.note('step', { text: i + '/' + line + 'x'.repeat(300) });
    writeRecord(dir, { ...record, seed: i });
  }`;

function writer(dir: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', WRITER, dir, fixture], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('killed at any moment, a run leaves a valid record and a readable journal', async () => {
  const draw = random(20261127, 'kill');
  let written = 0;
  for (let round = 0; round < 5; round++) {
    const dir = mkdtempSync(join(tmpdir(), 'doorbuster-kill-'));
    const child = writer(dir);
    await once(child.stdout!, 'data');
    await new Promise((resolve) => setTimeout(resolve, 20 + draw.integer(400)));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readRecord(dir).id).toBe(readRecord(fixture).id);
    const { entries, torn } = readJournal(dir);
    expect(torn.length).toBeLessThanOrEqual(1);
    expect(entries.every(({ kind }) => kind === 'step')).toBe(true);
    written += entries.length;
    const strays = readdirSync(dir).filter((name) => name.endsWith('.tmp'));
    expect(strays.length).toBeLessThanOrEqual(1);
    rmSync(dir, { recursive: true });
  }
  expect(written).toBeGreaterThan(0);
});
