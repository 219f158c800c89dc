import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-no-engine-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(runtime: string) {
  const args = [
    'run',
    'scenarios/quick.yaml',
    '--set',
    `stack.runtime=${runtime}`,
    '--results',
    dir,
  ];
  return promisify(execFile)(process.execPath, [join(packageRoot, 'bin/doorbuster.js'), ...args], {
    cwd: packageRoot,
    env: { ...process.env, NO_COLOR: '1', DOCKER_HOST: 'unix:///nowhere/docker.sock' },
  });
}

test('a container engine that does not answer is one clear error, before there is a record', async () => {
  const error = await run('containers').catch((cause) => cause);
  expect(error.code).toBe(EXIT.badInput);
  expect(error.stderr).toMatch(/no container engine answers: ./);
  expect(error.stderr).toMatch(/next {2}docker info/);
  expect(readdirSync(dir)).toEqual([]);
});
