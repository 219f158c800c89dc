import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/harness/entry.ts';

const work = mkdtempSync(join(tmpdir(), 'doorbuster-e2e-'));
writeFileSync(join(work, 'a-file'), '');
writeFileSync(
  join(work, 'elsewhere.yaml'),
  `name: elsewhere
retail: { stores: 2, skus: 20 }
traffic: { pos: { receipts: 60/store/h } }
pipeline: { use: append-ledger, commit_every: 2s }
phases: [{ name: steady, for: 10s }]
stack: { runtime: external }
`,
);
afterAll(() => rmSync(work, { recursive: true, force: true }));

const binary = join(packageRoot, 'bin/doorbuster.js');

function doorbuster(env: Readonly<Record<string, string>>, ...command: readonly string[]) {
  const { status, stderr, stdout } = spawnSync(process.execPath, [binary, ...command], {
    cwd: work,
    env: { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: work, ...env },
    encoding: 'utf8',
  });
  return { status, stderr, stdout };
}

test.each([
  ['an address with a password', { DOORBUSTER_S3: 'http://me:hunter2secret@host:9000' }],
  ['a missing TMPDIR', { TMPDIR: '/no/such/folder' }],
  ['a cache that is a file', { DOORBUSTER_CACHE: join(work, 'a-file') }],
  ['an empty PATH', { PATH: '' }],
])('%s is refused with exit code 2', (_name, env) => {
  const { status, stderr } = doorbuster(env, 'run', 'elsewhere.yaml');
  expect(stderr).toContain('error');
  expect(stderr).not.toContain('defect of doorbuster');
  expect(stderr).not.toContain('hunter2secret');
  expect(status).toBe(2);
});

test('doctor says that TMPDIR is missing, as a run would', () => {
  const { stdout, stderr } = doorbuster({ TMPDIR: '/no/such/folder' }, 'doctor');
  expect(stdout + stderr).toContain(
    'the folder for temporary files, /no/such/folder, does not exist',
  );
});

test.each([
  { HOME: 'home', XDG_CACHE_HOME: 'cache', XDG_CONFIG_HOME: 'config' },
  { COLUMNS: '-1', JAVA_HOME: 'java', DOCKER_HOST: 'nowhere', TZ: 'Nowhere/Land', LANG: 'xx' },
])('with %j a doctor says how it is, and writes nothing here', (env) => {
  const before = readdirSync(work);
  const { status, stderr } = doorbuster(env, 'doctor');
  expect(stderr).not.toContain('defect of doorbuster');
  expect([0, 2]).toContain(status);
  expect(readdirSync(work)).toEqual(before);
});

test('a removed working folder is an error', () => {
  const gone = join(work, 'gone');
  mkdirSync(gone);
  const script = `rmdir "$PWD" && exec "$0" "$1" list`;
  const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, binary], {
    cwd: gone,
    env: { ...process.env, NO_COLOR: '1' },
    encoding: 'utf8',
  });
  expect(stderr).toContain('the working folder no longer exists');
  expect(status).toBe(2);
});
