import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/harness/entry.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';

/** The folder that `init` writes, through the built binary; no server is started. */

const work = mkdtempSync(join(tmpdir(), 'doorbuster-init-'));
chmodSync(work, 0o755);
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** A user and a group without permissions: root may write to a folder that is read-only. */
const NO_USER = 65_534;

interface Where {
  readonly cwd?: string;
  readonly as?: number;
  /** Root folder of the package. */
  readonly from?: string;
}

function doorbuster(args: readonly string[], { cwd = work, as, from = packageRoot }: Where = {}) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(from, 'bin/doorbuster.js'), ...args],
    {
      ...{ cwd, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
      env: { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: work },
      ...(as === undefined ? {} : { uid: as, gid: as }),
    },
  );
  return { code: status, stdout, stderr };
}

const filesOf = (dir: string) => readdirSync(dir, { recursive: true, encoding: 'utf8' }).toSorted();

test.each(['cdc-upsert', 'append-ledger'])(
  'a copy of %s is validated, previewed and explained as the original is',
  (shipped) => {
    const dir = `of-${shipped}`;
    const made = doorbuster(['init', dir, '--pipeline', shipped]);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const next = /^next {3}cd (\S+) && doorbuster validate scenario.yaml$/m.exec(made.stdout);
    expect(next?.[1]).toBe(dir);
    const cwd = join(work, dir);
    const validated = doorbuster(['validate', 'scenario.yaml'], { cwd });
    expect(validated).toMatchObject({ code: 0, stderr: '' });
    expect(validated.stdout).toContain('pipeline ./pipelines/mine');
    const explained = doorbuster(['explain', './pipelines/mine', '--sql'], { cwd });
    expect(explained).toMatchObject({ code: 0, stderr: '' });
    const original = doorbuster(['explain', shipped, '--sql']).stdout;
    expect(explained.stdout).toBe(original.replaceAll(`-- ${shipped}/`, '-- mine/'));
    // What the page lists exists, and its commands have the names that were written.
    const page = readFileSync(join(cwd, 'README.md'), 'utf8');
    expect(page).not.toContain('{{');
    expect(page).toContain(`--vary pipeline.use=./pipelines/mine,${shipped}`);
    const listed = [...page.matchAll(/^\| `([^`*]+)`/gm)].map(([, path = '']) => path);
    expect(listed.filter((path) => path !== 'results/' && !existsSync(join(cwd, path)))).toEqual(
      [],
    );
  },
);

test('a mistake in the copy is named with its file, as in any pipeline', () => {
  doorbuster(['init', 'changed']);
  const cwd = join(work, 'changed');
  const manifest = join(cwd, 'pipelines/mine/pipeline.yaml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('tier: 3', 'tear: 3'));
  const { code, stderr } = doorbuster(['validate', 'scenario.yaml'], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain('mine/pipeline.yaml');
  expect(stderr).toContain('unknown key "tear"');
});

test('from another folder the scenario is found, its pipeline is not, and the error says why', () => {
  doorbuster(['init', 'from-elsewhere']);
  const { code, stderr } = doorbuster(['validate', 'from-elsewhere/scenario.yaml']);
  expect(code).toBe(2);
  expect(stderr).toContain('there is no pipeline folder ./pipelines/mine');
  expect(stderr).toContain('next  cd from-elsewhere');
});

test('--json lists what was written', () => {
  const { code, stdout } = doorbuster(['init', 'listed', '--json']);
  expect(code).toBe(0);
  const { dir, pipeline, from, files } = JSON.parse(stdout);
  expect({ dir, pipeline, from }).toEqual({ dir: 'listed', pipeline: 'mine', from: 'cdc-upsert' });
  const written = filesOf(join(work, 'listed')).filter((path) => /\.\w+$/.test(path));
  expect(files.toSorted()).toEqual(written);
});

test('a folder in use keeps its files: what exists is named, and nothing is written', () => {
  for (const [dir, path, make] of [
    ['with-readme', 'README.md', (at: string) => writeFileSync(at, 'mine')],
    ['with-link', 'scenario.yaml', (at: string) => symlinkSync('nowhere', at)],
    ['with-folder', 'scenario.schema.json', (at: string) => mkdirSync(at)],
  ] as const) {
    mkdirSync(join(work, dir));
    make(join(work, dir, path));
    const { code, stdout, stderr } = doorbuster(['init', dir]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(
      `error ${dir}/${path} exists already, and init replaces nothing\nnext  `,
    );
    expect(filesOf(join(work, dir))).toEqual([path]);
  }
  // Other files do no harm.
  mkdirSync(join(work, 'used/pipelines/other'), { recursive: true });
  writeFileSync(join(work, 'used/notes.txt'), 'kept');
  expect(doorbuster(['init', '.'], { cwd: join(work, 'used') }).code).toBe(0);
  expect(readFileSync(join(work, 'used/notes.txt'), 'utf8')).toBe('kept');
});

test.each([
  [[''], 'init needs the name of a folder'],
  [[], 'init needs <dir>'],
  [['x', '--pipeline', 'cdc'], '"cdc" is not one of "cdc-upsert", "append-ledger"'],
  [['a-file'], 'a-file is a file'],
  [['a-file/below'], 'a-file is a file'],
  [['/proc/doorbuster'], 'cannot write /proc/doorbuster: '],
  [['n'.repeat(300)], 'the name is too long for its file system'],
])('init %j is bad input: exit 2, one clear error', (args, words) => {
  writeFileSync(join(work, 'a-file'), '');
  const { code, stdout, stderr } = doorbuster(['init', ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(words);
  expect(stderr).toMatch(/\nnext {2}/);
  expect(stderr).not.toContain('    at ');
});

test('a folder that may not be written to is named', () => {
  const dir = join(work, 'read-only');
  mkdirSync(dir, { mode: 0o555 });
  const as = process.getuid?.() === 0 ? NO_USER : undefined;
  for (const into of [dir, join(dir, 'new')]) {
    const { code, stderr } = doorbuster(['init', into], as === undefined ? {} : { as });
    expect(code).toBe(2);
    expect(stderr).toContain(`cannot write ${into}`);
    expect(stderr).toContain('permission denied');
  }
  expect(filesOf(dir)).toEqual([]);
});

test.runIf(canMount())('a full disk leaves nothing behind', () => {
  using disk = smallDisk(1);
  disk.fill(16_384);
  const { code, stderr } = doorbuster(['init', join(disk.dir, 'new/folder')]);
  expect(code).toBe(2);
  expect(stderr).toContain('no space is left on its file system');
  expect(readdirSync(disk.dir)).toEqual(['.ballast']);
});

test('an installed package has all that is copied', () => {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', work];
  const packed = execFileSync('npm', args, { cwd: packageRoot, encoding: 'utf8' });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  execFileSync('tar', ['-xzf', join(work, filename), '-C', work]);
  const from = join(work, 'package');
  symlinkSync(join(packageRoot, 'node_modules'), join(from, 'node_modules'));
  expect(doorbuster(['init', 'installed'], { from })).toMatchObject({ code: 0, stderr: '' });
  doorbuster(['init', 'cloned']);
  expect(filesOf(join(work, 'installed'))).toEqual(filesOf(join(work, 'cloned')));
  const cwd = join(work, 'installed');
  expect(doorbuster(['validate', 'scenario.yaml'], { cwd, from }).code).toBe(0);
});
