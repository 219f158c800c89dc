import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { systemClock as clock } from '../../../src/core/clock.ts';
import { packageRoot } from '../../../src/harness/entry.ts';
import { serversOfShipped } from '../../../src/harness/experiment/servers-used.ts';
import { type Artifacts, locateArtifacts } from '../../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../../src/harness/setup/cache.ts';
import { readLock } from '../../../src/harness/setup/lock.ts';
import { killGroup } from '../../../src/harness/stack/registry.ts';
import type { ServerName, Stack, StackOptions } from '../../../src/harness/stack/stack.ts';
import { runtime } from './runtime.ts';

export const TASK_SLOTS = 3;
/** All but those that a stack has only on request, whose own tests start them: kafka-connect.test.ts. */
export const USUAL_SERVERS = serversOfShipped();

/** Creates folders that are removed after the test file; the registry of its stacks is in one of them. */
export function ownFolders(name: string): () => string {
  const folders: string[] = [];
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), `doorbuster-${name}-`));
    folders.push(path);
    return path;
  };
  beforeAll(() => {
    // A test must not see leftovers of real runs on this machine.
    process.env.XDG_STATE_HOME = folder();
  });
  afterAll(() => {
    for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
  });
  return folder;
}

export interface Start {
  readonly runDir: string;
  readonly signal?: AbortSignal;
  readonly artifacts?: Partial<Artifacts>;
  /** The usual ones, by default. */
  readonly servers?: StackOptions['servers'];
  readonly beside?: StackOptions['auxiliary'];
  /** One per job and parallel task. */
  readonly taskSlots?: number;
  readonly checkpointEveryMs?: number;
  readonly connect?: StackOptions['connect'];
  readonly onBuilding?: (image: string) => void;
  readonly onProgress?: (server: ServerName, state: string) => void;
}

export function startStack({
  runDir,
  signal,
  artifacts,
  servers = USUAL_SERVERS,
  beside = [],
  taskSlots = TASK_SLOTS,
  checkpointEveryMs = 2_000,
  connect,
  onBuilding = () => {},
  onProgress,
}: Start): Promise<Stack> {
  return runtime.start({
    runDir,
    workDir: join(runDir, 'work'),
    artifacts: { ...locateArtifacts(defaultCacheDir(), readLock()), ...artifacts },
    clock,
    signal: signal ?? new AbortController().signal,
    servers,
    flink: { taskSlots, checkpointEveryMs },
    connect,
    jit: 'c1',
    auxiliary: beside,
    onBuilding,
    onProgress: ({ server, state }) => onProgress?.(server, state),
  });
}

export async function until(
  fact: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<void> {
  const deadline = clock.monotonicMs() + withinMs;
  while (!(await fact()) && clock.monotonicMs() < deadline) await clock.sleep(50);
  expect(await fact()).toBe(true);
}

type Owner = ChildProcessByStdio<null, Readable, null>;

/**
 * Starts processes that own a stack; each is returned when a server of it has reported that it is ready, or, with
 * `frozen`, when that server is paused.
 */
export function stackOwners(): (runDir: string, frozen?: ServerName) => Promise<Owner> {
  const owners: Owner[] = [];
  afterEach(() => {
    for (const { pid } of owners.splice(0)) killGroup(pid as number, 'SIGKILL');
  });
  return async (runDir, frozen) => {
    const child = spawn(
      process.execPath,
      [
        join(packageRoot, 'test/fixtures/stack-owner.mjs'),
        runDir,
        ...(frozen === undefined ? [] : [frozen]),
      ],
      { detached: true, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    owners.push(child);
    const wanted = frozen === undefined ? 'ready' : 'frozen';
    for await (const line of createInterface({ input: child.stdout })) {
      if (JSON.parse(line).state === wanted) return child;
    }
    throw new Error(`the owner of the stack ended before a server was ${wanted}`);
  };
}
