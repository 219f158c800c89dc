import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXIT } from './exit-codes.ts';
import { readTextFile } from './text-file.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-text-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const read = (path: string) => readTextFile(path, { limitBytes: 10, hint: 'name another file' });

test('the text of a file up to the limit, through a symbolic link as well', () => {
  const path = join(dir, 'a');
  writeFileSync(path, '0123456789');
  symlinkSync(path, join(dir, 'link'));
  expect(read(path)).toBe('0123456789');
  expect(read(join(dir, 'link'))).toBe('0123456789');
});

test.each([
  ['a FIFO', (path: string) => execFileSync('mkfifo', [path]), 'it is a FIFO, not a regular file'],
  ['a device', (path: string) => symlinkSync('/dev/zero', path), 'it is a device, not a regular'],
  ['a folder', (path: string) => execFileSync('mkdir', [path]), 'it is a folder, not a regular'],
  ['a link to itself', (path: string) => symlinkSync(path, path), 'its symbolic links form a loop'],
  ['nothing', () => undefined, 'there is no such file'],
  [
    'a file of 10 GiB',
    (path: string) => {
      writeFileSync(path, '');
      truncateSync(path, 10 * 2 ** 30);
    },
    'it has 10.0 GiB; the limit is 10 B',
  ],
])('%s is refused before it is read', (_name, make, fact) => {
  const path = join(dir, 'bad');
  make(path);
  expect(() => read(path)).toThrow(
    expect.objectContaining({
      exitCode: EXIT.badInput,
      hint: 'name another file',
      message: expect.stringContaining(`cannot read ${path}: ${fact}`),
    }),
  );
});
