import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-no-engine-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(runtime: string, env?: Readonly<Record<string, string>>) {
  const set = ['--set', `stack.runtime=${runtime}`];
  return doorbuster(['run', 'scenarios/quick.yaml', ...set, '--results', dir], env);
}

function doorbuster(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return promisify(execFile)(process.execPath, [join(packageRoot, 'bin/doorbuster.js'), ...args], {
    cwd: packageRoot,
    env: {
      ...process.env,
      NO_COLOR: '1',
      DOCKER_HOST: 'unix:///nowhere/docker.sock',
      ...env,
    },
  });
}

test('a container engine that does not answer is one clear error, before there is a record', async () => {
  const error = await run('containers').catch((cause) => cause);
  expect(error.code).toBe(EXIT.badInput);
  expect(error.stderr).toMatch(
    /no container engine answers: no engine listens at DOCKER_HOST, unix:\/\/\/nowhere\/docker\.sock/,
  );
  expect(error.stderr).toMatch(/next {2}docker info/);
  expect(readdirSync(dir)).toEqual([]);
});

test('an engine that accepts a connection and stays silent does not answer', async () => {
  const socket = join(dir, 'silent.sock');
  const silent = createServer().listen(socket);
  await once(silent, 'listening');
  try {
    const error = await run('containers', { DOCKER_HOST: `unix://${socket}` }).catch(
      (cause) => cause,
    );
    expect(error.code).toBe(EXIT.badInput);
    expect(error.stderr).toMatch(
      /no container engine answers: the engine at .* does not answer within 10 s/,
    );
  } finally {
    silent.close();
    rmSync(socket, { force: true });
  }
});

/** What doctor finds of one thing. */
async function found(runtime: string, subject: string, env: Readonly<Record<string, string>>) {
  const args = ['doctor', '--runtime', runtime, '--results', dir, '--json'];
  const { stdout } = await doorbuster(args, env).catch((cause) => cause);
  const findings: { subject: string; state: string; fact: string }[] = JSON.parse(stdout);
  return findings.find((finding) => finding.subject === subject);
}

test('without one, auto is processes, and doctor names the alternative', async () => {
  const auto = { DOORBUSTER_RUNTIME: '' };
  expect(await found('auto', 'java', auto)).toBeDefined();
  expect(await found('auto', 'containers', auto)).toMatchObject({ state: 'ok' });
  expect(await found('containers', 'java', auto)).toBeUndefined();
  expect(await found('containers', 'containers', auto)).toMatchObject({
    state: 'bad',
    fact: 'no engine answers',
  });
});

test('a machine may say what auto is, but only what there is', async () => {
  const decreed = await doorbuster(
    ['run', 'scenarios/quick.yaml', '--set', 'stack.runtime=auto', '--results', dir],
    { DOORBUSTER_RUNTIME: 'containers' },
  ).catch((cause) => cause);
  expect(decreed.stderr).toMatch(/no container engine answers/);
  const unknown = await doorbuster(['doctor'], { DOORBUSTER_RUNTIME: 'podman' }).catch(
    (cause) => cause,
  );
  expect(unknown.code).toBe(EXIT.badInput);
  expect(unknown.stderr).toMatch(/DOORBUSTER_RUNTIME is podman, and there is no such runtime/);
  expect(readdirSync(dir)).toEqual([]);
});
