import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { serversOfShipped } from '../../src/harness/experiment/servers-used.ts';
import { removeAll } from '../../src/harness/pipelines/remove.ts';
import { isolatedNamespace, type RunNamespace } from '../../src/harness/run-namespace.ts';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { acquireLock } from '../../src/harness/setup/cache-lock.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import type { SharedStack } from '../../src/harness/shared-stack.ts';
import { persistedPath } from '../../src/harness/stack/persisted-stack.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { down, sharedStack, up } from '../../src/harness/up.ts';
import { runtime } from '../integration/support/runtime.ts';
import { SHARED_STACK } from './shared-stack-name.ts';

/**
 * Task slots: two files run at once, of which one may have five runs of three jobs (known-bad), and one two runs of five
 * (shards); a job that was cancelled keeps its slot for a moment. A run does not start when there are too few.
 */
const TASK_SLOTS = 40;

const artifacts = locateArtifacts(defaultCacheDir(), readLock());
const reach = { clock, onProgress: () => {}, artifacts, used: serversOfShipped() };

/**
 * Joins the stack that all tests share, for the rest of this test file: `run({ on })`, or the binary with
 * `--on tests`. The first test file that joins starts it; it is ended after the last one. A test on it uses
 * its own names (`testNamespace`, or those of a run) and leaves every server as it was.
 */
export async function joinSharedStack(): Promise<SharedStack> {
  // The registry of the stack and of its runs.
  process.env.XDG_STATE_HOME = inject('sharedState');
  // Two files may join at once.
  using _lock = await acquireLock(join(inject('sharedState'), 'joining'), {
    ...{ clock, signal: new AbortController().signal, onWait: () => {} },
  });
  if (existsSync(persistedPath(SHARED_STACK))) {
    const found = await sharedStack(SHARED_STACK, reach).catch((error: Error) => error);
    if (!(found instanceof Error)) return found;
    // An earlier test has broken the stack, and has failed itself.
    process.stderr.write(`the shared stack is started again: ${found.message}\n`);
    await down(SHARED_STACK, reach);
  }
  await up({
    ...{ name: SHARED_STACK, runtime: runtime.kind, artifacts, clock, jit: 'c1' },
    // Every job sets its own commit interval.
    flink: { taskSlots: TASK_SLOTS, checkpointEveryMs: 2_000 },
    servers: reach.used,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  return sharedStack(SHARED_STACK, reach);
}

/** Namespace of one test on the shared stack: all names begin with the test's. */
export function testNamespace(test: string): RunNamespace {
  return isolatedNamespace(
    { namespace: 'retail' },
    { prefix: 'test', runId: `${test}_${process.pid}` },
  );
}

/** Removes everything in a test's namespace, running jobs first. */
export async function clearNamespace(
  place: RunNamespace,
  { endpoints, servers }: Pick<Stack, 'endpoints' | 'servers'>,
) {
  await removeAll(place, { endpoints, servers, clock, signal: AbortSignal.timeout(60_000) });
}
