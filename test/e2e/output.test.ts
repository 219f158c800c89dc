import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/harness/entry.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';

const work = mkdtempSync(join(tmpdir(), 'doorbuster-e2e-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What one command came to whose standard output is this file. */
function intoFile(path: string, command: readonly string[], cwd = work) {
  const file = openSync(path, 'w');
  try {
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(packageRoot, 'bin/doorbuster.js'), ...command],
      {
        cwd,
        env: { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: work },
        stdio: ['ignore', file, 'pipe'],
        encoding: 'utf8',
      },
    );
    return { status, stderr };
  } finally {
    closeSync(file);
  }
}

const fixtures = join(packageRoot, 'test/fixtures');
const PRINTING: readonly (readonly string[])[] = [
  ['schema'],
  ['compose'],
  ['validate', 'scenarios/quick.yaml'],
  ['preview', 'scenarios/quick.yaml'],
  ['list', '--results', fixtures],
  ['list', '--json', '--results', fixtures],
  ['report', '--json', join(fixtures, 'black-friday')],
  ['doctor'],
  ['--help'],
  ['run', '--help'],
  ['--version'],
];

describe('output that cannot be written', () => {
  test
    .runIf(existsSync('/dev/full'))
    .each(PRINTING.map((command) => [command.slice(0, 2).join(' '), command] as const))(
    '%s on a full device ends with exit code 2 and one error',
    (_name, command) => {
      const { status, stderr } = intoFile('/dev/full', command);
      expect(stderr).toContain('error cannot write standard output: no space is left');
      expect(stderr).not.toMatch(/^ +at /m);
      expect(status).toBe(2);
    },
  );

  test.runIf(canMount())('a file that is cut off by a full disk is no success', () => {
    using disk = smallDisk(1);
    disk.fill(8_192);
    const { status, stderr } = intoFile(join(disk.dir, 'schema.json'), ['schema']);
    expect(stderr).toContain('no space is left on its file system');
    expect(status).toBe(2);
  });

  test('compose --out names what is wrong with a path, and leaves nothing behind', () => {
    const out = (path: string) => intoFile(join(work, 'printed'), ['compose', '--out', path]);
    const nowhere = out('nodir/compose.yaml');
    expect(nowhere.status).toBe(2);
    expect(nowhere.stderr).toContain('cannot write nodir/compose.yaml: there is no such folder');
    expect(nowhere.stderr).not.toMatch(/^ +at /m);
    expect(out('printed/compose.yaml').stderr).toContain('a folder in its path is a file');
    expect(out('x'.repeat(300)).stderr).toContain('the name is too long');
    expect(readdirSync(work)).toEqual(['printed']);
  });

  test.runIf(canMount())('compose --out on a full disk does not block the next attempt', () => {
    using disk = smallDisk(1);
    disk.fill(1_000);
    const attempt = () =>
      intoFile(join(work, 'printed'), ['compose', '--out', join(disk.dir, 'compose.yaml')]);
    expect(attempt()).toMatchObject({ status: 2, stderr: expect.stringContaining('no space') });
    expect(readdirSync(disk.dir)).toEqual(['.ballast']);
    disk.relieve();
    expect(attempt().status).toBe(0);
  });
});
