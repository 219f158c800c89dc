import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { systemClock } from '../src/core/clock.ts';
import { SERVERS } from '../src/core/metrics.ts';
import { packageRoot } from '../src/harness/entry.ts';
import { defaultCacheDir } from '../src/harness/setup/cache.ts';
import { readLock } from '../src/harness/setup/lock.ts';
import { EVERYTHING, needsOf, type Program } from '../src/harness/setup/needs.ts';
import { isCi } from '../src/harness/setup/prerequisites.ts';
import { provision } from '../src/harness/setup/provision.ts';
import { trinoJava } from '../src/harness/setup/trino-java.ts';
import { toolsOf } from '../src/harness/stack/components/components.ts';
import { SHARED_STACK } from './support/shared-stack-name.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The state folder (XDG_STATE_HOME) in which the tests' shared stack is on record. */
    readonly sharedState: string;
  }
}

const binary = join(packageRoot, 'bin/doorbuster.js');
const say = (line: string) => void process.stderr.write(`${line}\n`);

/** Both projects are prepared by this file: what it does, it does once per vitest process. */
const perProcess = globalThis as { doorbusterTests?: Promise<SharedState> };

/** Before the first test that needs servers: everything is fetched, so that `npm test` is the whole of it. */
export default async function prepare(project: TestProject): Promise<() => Promise<void>> {
  perProcess.doorbusterTests ??= fetchAll().then(openSharedState);
  const shared = await perProcess.doorbusterTests;
  project.provide('sharedState', shared.dir);
  return shared.close;
}

async function fetchAll(): Promise<void> {
  if (!existsSync(join(packageRoot, 'dist'))) {
    throw new Error('these tests need the built package: npm run build');
  }
  const programs: readonly Program[] = trinoJava() === null ? ['spark'] : ['spark', 'trino'];
  const { classArchives } = await provision({
    cacheDir: defaultCacheDir(),
    needs: needsOf(readLock(), {
      ...EVERYTHING,
      programs,
      starts: SERVERS,
      tools: toolsOf(SERVERS),
    }),
    clock: systemClock,
    signal: new AbortController().signal,
    mayInstall: isCi(),
    onProgress: ({ artifact, state, step, seconds }) => {
      if (state !== 'present' && state !== 'working')
        say(`setup ${artifact}: ${state}, ${step} (${seconds.toFixed(0)} s)`);
    },
    onLine: say,
  });
  const kept = existsSync(classArchives) ? readdirSync(classArchives) : [];
  if (process.env.DOORBUSTER_TEST_RUNTIME !== 'containers' && kept.length === 0) await firstRun();
}

/**
 * A run that comes to its end leaves the classes of its servers for the next (ADR 8). Most tests end theirs
 * in other ways: without this, each of some thirty starts would cost half as much CPU time again.
 */
async function firstRun(): Promise<void> {
  say('setup: a first run, which keeps the classes of the servers for the tests');
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-first-'));
  mkdirSync(join(dir, 'tmp'));
  const set = ['stack.runtime=processes', 'phases.spike.for=2s'].flatMap((one) => ['--set', one]);
  const args = ['run', 'scenarios/quick.yaml', ...set, '--results', join(dir, 'results')];
  const env = { ...process.env, XDG_STATE_HOME: dir, TMPDIR: join(dir, 'tmp') };
  // Whatever it comes to: without kept classes the tests are slower, and nothing else.
  await promisify(execFile)(process.execPath, [binary, ...args], { env }).catch(() => undefined);
  rmSync(dir, { recursive: true, force: true });
}

interface SharedState {
  readonly dir: string;
  close(): Promise<void>;
}

/**
 * Nothing is started here: the first test that joins the shared stack starts it. A shell waits on a pipe
 * of this process and ends the stack when the pipe closes, which it does however this process ends.
 */
function openSharedState(): SharedState {
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-shared-'));
  const end =
    'cat > /dev/null; [ ! -e "$0/doorbuster/kept" ] || "$@" > /dev/null 2>&1; rm -rf "$0"';
  const command = [process.execPath, binary, 'down', SHARED_STACK];
  const shell = spawn('/bin/sh', ['-c', end, dir, ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, XDG_STATE_HOME: dir },
  });
  const ended = once(shell, 'exit');
  shell.unref();
  return {
    dir,
    async close() {
      // This process would end before a process that it does not reference.
      shell.ref();
      shell.stdin.end();
      await ended;
    },
  };
}
