import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { serversOfShipped } from '../../src/harness/experiment/servers-used.ts';
import {
  persistedPath,
  persistedStack,
  persistedStacks,
  writePersisted,
} from '../../src/harness/stack/persisted-stack.ts';
import { registrations } from '../../src/harness/stack/registry.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { down, sharedStack } from '../../src/harness/up.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, startStack } from './support/stacks.ts';

const folder = ownFolders('kept');
const reach = () => ({
  clock,
  onProgress: () => {},
  artifacts: { versions: {} },
  used: serversOfShipped(),
});

/** Started and left running, with a folder of its own that goes with it. */
async function kept(
  name: string,
  servers?: Stack['servers'],
): Promise<{ stack: Stack; home: string }> {
  const home = join(folder(), name);
  mkdirSync(home);
  const stack = await startStack({ runDir: home, ...(servers ? { servers } : {}) });
  await stack.keep({ name, home });
  return { stack, home };
}

test('a stack that is kept is found again whole, let go of, and ended with all it has', async () => {
  const { stack, home } = await kept('evening');
  const { endpoints, stateDir, versions } = stack;
  // It is registered under its name, and no leftover any more.
  expect(registrations(join(process.env.XDG_STATE_HOME as string, 'doorbuster/stacks'))).toEqual(
    [],
  );
  expect(persistedStacks().map(({ name }) => name)).toEqual(['evening']);

  // What was disposed has let go: the servers are still there, for the next and for the one after it.
  await stack[Symbol.asyncDispose]();
  for (const _again of [1, 2]) {
    const { stack: found, name } = await sharedStack('evening', reach());
    expect(name).toBe('evening');
    expect(found).toMatchObject({ runtime: runtime.kind, endpoints, stateDir, versions });
    expect(found.missing()).toEqual([]);
    expect(found.processes().length).toBe(stack.processes().length);
    await using admin = await openKafkaAdmin(found.endpoints.kafka);
    expect(await admin.brokerCount()).toBe(1);
    await found[Symbol.asyncDispose]();
    expect(found.broken.aborted).toBe(false);
  }

  // A server that dies while a run is attached is reported by its name.
  const { stack: watched } = await sharedStack('evening', reach());
  await watched.injectOutage('flink-gateway', 'kill');
  await watched.restore('flink-gateway');
  const broken = new Promise((resolve) =>
    watched.broken.addEventListener('abort', () => resolve(watched.broken.reason), { once: true }),
  );
  // One that is paused is no exception; but a process in a frozen container takes no signal before it is thawed.
  if (runtime.kind === 'processes') await watched.injectOutage('flink-taskmanager', 'pause');
  const manager = watched.processes().find(({ server }) => server === 'flink-taskmanager');
  process.kill(manager?.pid as number, 'SIGKILL');
  expect(await broken).toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/^flink-taskmanager exited unexpectedly/),
  });
  await watched[Symbol.asyncDispose]();
  await expect(sharedStack('evening', reach())).rejects.toMatchObject({
    exitCode: 3,
    message: 'flink-taskmanager of the stack evening is no longer running',
    hint: 'doorbuster down evening && doorbuster up evening',
  });

  const left = persistedStack('evening').servers;
  expect(await down('evening', reach())).toEqual({ missing: ['flink-taskmanager'] });
  for (const { pid } of left) expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(existsSync(home)).toBe(false);
  expect(existsSync(persistedPath('evening'))).toBe(false);
  await expect(down('evening', reach())).rejects.toMatchObject({
    exitCode: 2,
    message: 'no stack called evening is up',
    hint: 'doorbuster up evening',
  });
}, 300_000);

test('servers of another version, or without one that is used, are not taken for ours', async () => {
  const { stack } = await kept('old', ['kafka']);
  try {
    const used = ['kafka'] as const;
    const artifacts = { versions: { kafka: '0.8.2' } };
    await expect(sharedStack('old', { ...reach(), used, artifacts })).rejects.toMatchObject({
      exitCode: 2,
      message: `the stack old has kafka ${stack.versions.kafka}, and this doorbuster is for 0.8.2`,
    });
    const others = reach().used.filter((server) => server !== 'kafka');
    expect(others.length).toBeGreaterThan(4);
    await expect(sharedStack('old', reach())).rejects.toMatchObject({
      exitCode: 2,
      message: `the pipeline uses ${others.join(', ')}, and the stack old was started without`,
      hint: 'doorbuster down old && doorbuster up old',
    });
    // One that was started before Flink had functions of ours.
    const { 'flink-functions': functions = '', ...versions } = stack.versions;
    writePersisted({ ...persistedStack('old'), versions });
    const own = { versions: { 'flink-functions': functions } };
    await expect(sharedStack('old', { ...reach(), used, artifacts: own })).rejects.toMatchObject({
      exitCode: 2,
      message: `the stack old has no flink-functions, and this doorbuster is for ${functions}`,
      hint: 'doorbuster down old && doorbuster up old',
    });
    await using found = (await sharedStack('old', { ...reach(), used })).stack;
    expect(found.servers).toEqual(['kafka']);
    expect(found.missing()).toEqual([]);
  } finally {
    expect(await down('old', reach())).toEqual({ missing: [] });
  }
}, 300_000);
