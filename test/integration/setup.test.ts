import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { random } from '../../src/core/random.ts';
import { artifactDir, defaultCacheDir, lookUp, STAMP } from '../../src/harness/setup/cache.ts';
import {
  type LockedJavaBuild,
  type LockedWheels,
  lockedArtifact,
  readLock,
  thisPlatform,
} from '../../src/harness/setup/lock.ts';
import { processesWith } from '../../src/harness/setup/owner.ts';
import { PARTIAL_ENV } from '../../src/harness/setup/partial.ts';
import { javaCommand } from '../../src/harness/setup/prerequisites.ts';
import { fetchArtifacts, type SetupEvent } from '../../src/harness/setup/setup.ts';
import { verifyDeep } from '../../src/harness/setup/verify.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';

/** Small ones, from both kinds of client that download: pip and Maven. */
const NAMES = ['duckdb-extensions', 'flink-sql', 'spark-iceberg'];
const SEED = 20261127;
const KILLS = 6;
/** Moments are counted in progress events, so that a slow machine is killed as deep as a fast one. */
const MOST_EVENTS = 14;
const MOST_MS_AFTER = 800;

const lock = readLock();
const chosen = NAMES.map((name) => lockedArtifact(lock, name));
const never = new AbortController().signal;
const script = fileURLToPath(new URL('support/fetch-some.mjs', import.meta.url));

let root: string;
let cacheDir: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'doorbuster-setup-'));
  cacheDir = join(root, 'cache');
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

interface Child {
  readonly process: ChildProcess;
  readonly events: readonly SetupEvent[];
  /** Resolves once it has reported that many events, or has ended. */
  said(events: number): Promise<void>;
  /** `0`, or the signal that ended it, with what it wrote to stderr. */
  readonly ended: Promise<string>;
}

/** A setup in a process of its own, with an empty local Maven repository shared by all of them. */
function startSetup(): Child {
  const child = spawn(process.execPath, [script, cacheDir, NAMES.join(',')], {
    env: { ...process.env, MAVEN_OPTS: `-Dmaven.repo.local=${join(root, 'm2')}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events: SetupEvent[] = [];
  let rest = '';
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.on('data', (chunk) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    events.push(...lines.map((line) => JSON.parse(line) as SetupEvent));
  });
  const ended = new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(`${code ?? signal}${stderr}`));
  });
  const said = async (count: number) => {
    while (events.length < count && child.exitCode === null) await systemClock.sleep(20);
  };
  return { process: child, events, said, ended };
}

/** Inode and time of each stamp in place: what a later setup must not touch. */
function stampsInPlace(): Record<string, string> {
  const stamps: Record<string, string> = {};
  for (const artifact of chosen) {
    const path = join(artifactDir(cacheDir, artifact), STAMP);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found) stamps[artifact.name] = `${found.ino} ${found.mtimeMs}`;
  }
  return stamps;
}

const listing = (name: string) => listingOf(join(cacheDir, name));

function listingOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

describe('setup', () => {
  it(`leaves nothing half done when killed at ${KILLS} random moments, and resumes`, async () => {
    const moments = random(SEED, 'setup kills');
    let hit = 0;
    for (let round = 0; round < KILLS; round++) {
      const before = stampsInPlace();
      const child = startSetup();
      await child.said(moments.integer(MOST_EVENTS));
      await systemClock.sleep(moments.next() * MOST_MS_AFTER);
      if (child.process.exitCode === null) hit++;
      child.process.kill('SIGKILL');
      await child.ended;
      for (const artifact of chosen) {
        const state = lookUp(cacheDir, artifact);
        expect(state.kind, `seed ${SEED}, round ${round}, ${artifact.name}`).not.toBe('damaged');
        if (state.kind === 'complete') {
          expect(await verifyDeep(cacheDir, artifact, never)).toEqual([]);
        }
      }
      expect(stampsInPlace(), 'what is done stays done').toMatchObject(before);
    }
    expect(hit, `seed ${SEED}: kills that met a running setup`).toBeGreaterThan(0);
  });

  it('survives two at once: each artifact is fetched once, and the tree verifies', async () => {
    const before = stampsInPlace();
    const children = [startSetup(), startSetup()];
    expect(await Promise.all(children.map((child) => child.ended))).toEqual(['0', '0']);
    const ends = children.flatMap((child) => child.events);
    for (const artifact of chosen) {
      expect(await verifyDeep(cacheDir, artifact, never)).toEqual([]);
      const fetched = ends.filter(
        (event) => event.artifact === artifact.name && event.step === 'verified',
      );
      expect(fetched, artifact.name).toHaveLength(before[artifact.name] ? 0 : 1);
    }
    expect(listing('.partial')).toEqual([]);
    expect(listing('.locks')).toEqual([]);
    expect(processesWith(`${PARTIAL_ENV}=${cacheDir}`)).toEqual([]);
  });

  it('does nothing when the cache is complete', async () => {
    const before = stampsInPlace();
    const child = startSetup();
    expect(await child.ended).toBe('0');
    expect(child.events.map(({ artifact, state }) => `${artifact} ${state}`).sort()).toEqual(
      NAMES.map((name) => `${name} present`),
    );
    expect(stampsInPlace()).toEqual(before);
  });

  it('fetches a damaged artifact again and leaves the others alone', async () => {
    const [damaged, ...others] = chosen;
    const before = stampsInPlace();
    truncateSync(join(artifactDir(cacheDir, damaged!), 'avro.duckdb_extension'), 1_000);
    expect(lookUp(cacheDir, damaged!)).toMatchObject({
      kind: 'damaged',
      fact: expect.stringContaining('avro.duckdb_extension has 1000 bytes'),
    });
    const child = startSetup();
    expect(await child.ended).toBe('0');
    for (const artifact of chosen) {
      expect(await verifyDeep(cacheDir, artifact, never)).toEqual([]);
    }
    const after = stampsInPlace();
    for (const { name } of others) expect(after[name]).toBe(before[name]);
    expect(after[damaged!.name]).not.toBe(before[damaged!.name]);
  });

  it('names the file, what was expected and what came, when a checksum is wrong', async () => {
    const artifact = lockedArtifact(lock, 'duckdb-extensions') as LockedWheels;
    const [first, ...rest] = artifact.wheels[thisPlatform]!;
    const wrong = '0'.repeat(64);
    const forged = {
      version: 1 as const,
      datasets: [],
      artifacts: [
        { ...artifact, wheels: { [thisPlatform]: [{ ...first!, sha256: wrong }, ...rest] } },
      ],
    };
    const elsewhere = join(root, 'forged');
    await expect(
      fetchArtifacts({
        cacheDir: elsewhere,
        lock: forged,
        clock: systemClock,
        signal: never,
        onProgress: () => {},
      }),
    ).rejects.toThrow(
      new RegExp(`${first!.file} .*expected sha256 ${wrong}.*got ${first!.sha256}`),
    );
    expect(lookUp(elsewhere, forged.artifacts[0]!).kind).toBe('missing');
    expect(readdirSync(join(elsewhere, '.partial'))).toEqual([]);
  });

  describe('what is compiled here', () => {
    const built = lockedArtifact(lock, 'flink-functions') as LockedJavaBuild;
    const compile = (name: string, over: Partial<LockedJavaBuild> = {}) => {
      const elsewhere = join(root, name);
      // What it is compiled against is there already.
      mkdirSync(elsewhere);
      symlinkSync(join(defaultCacheDir(), 'flink'), join(elsewhere, 'flink'));
      const fetching = fetchArtifacts({
        ...{ cacheDir: elsewhere, clock: systemClock, signal: never, onProgress: () => {} },
        lock: {
          ...lock,
          artifacts: lock.artifacts.map((one) => (one === built ? { ...built, ...over } : one)),
        },
        only: [built.name],
      });
      return { elsewhere, fetching };
    };

    it('is a jar that the Java of the servers loads', async () => {
      const { elsewhere, fetching } = compile('compiled');
      await fetching;
      expect(await verifyDeep(elsewhere, built, never)).toEqual([]);
      const state = lookUp(elsewhere, built);
      expect(state).toMatchObject({ stamp: { builtWith: expect.stringMatching(/^javac \d/) } });
      const jar = join(state.dir, 'lib', built.jar);
      const listed = execFileSync(javaCommand(), [
        ...['-m', 'jdk.jartool/sun.tools.jar.Main', '-tf', jar],
      ]);
      expect(`${listed}`.split('\n')).toContain('doorbuster/ReadRecord.class');
    });

    it('is refused when the sources are not those of the lock', async () => {
      const { fetching } = compile('changed', { version: '2.1.3+000000000000' });
      await expect(fetching).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(
          /^src\/topology\/java differs from stack.lock.json: expected sha256 000000000000…, got [0-9a-f]{12}$/,
        ),
        hint: expect.stringContaining('git checkout -- src/topology/java'),
      });
    });

    it('needs a Java with a compiler, and says what to install', async () => {
      process.env.JDK_JAVA_OPTIONS = '--limit-modules=java.base';
      try {
        await expect(compile('no-compiler').fetching).rejects.toMatchObject({
          exitCode: 2,
          message: expect.stringMatching(
            /^this Java \(.*java\) has no module java.compiler: a JDK has it$/,
          ),
          hint: expect.stringContaining('openjdk-17-jdk-headless'),
        });
      } finally {
        delete process.env.JDK_JAVA_OPTIONS;
      }
    });
  });

  it.skipIf(!canMount())(
    'says so when the disk is full, and leaves nothing half done',
    async () => {
      using disk = smallDisk(1);
      const elsewhere = join(disk.dir, 'cache');
      const fetching = fetchArtifacts({
        cacheDir: elsewhere,
        lock,
        clock: systemClock,
        signal: never,
        only: ['duckdb-extensions'],
        onProgress: () => {},
      });
      await expect(fetching).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringMatching(/no space (is )?left/i),
        hint: expect.stringMatching(/^df -h /),
      });
      expect(listingOf(join(elsewhere, '.partial'))).toEqual([]);
      expect(listingOf(join(elsewhere, '.locks'))).toEqual([]);
      expect(lookUp(elsewhere, lockedArtifact(lock, 'duckdb-extensions')).kind).toBe('missing');
    },
  );

  it('stops at once when it is interrupted, and leaves no client running', async () => {
    const abort = new AbortController();
    const elsewhere = join(root, 'interrupted');
    const running = fetchArtifacts({
      cacheDir: elsewhere,
      lock,
      clock: systemClock,
      signal: abort.signal,
      only: ['duckdb-extensions'],
      onProgress: (event) => {
        if (event.state === 'working') abort.abort(new Error('interrupted'));
      },
    });
    await expect(running).rejects.toThrow('interrupted');
    expect(readdirSync(join(elsewhere, '.partial'))).toEqual([]);
    expect(readdirSync(join(elsewhere, '.locks'))).toEqual([]);
    expect(processesWith(`${PARTIAL_ENV}=${elsewhere}`)).toEqual([]);
  });
});
