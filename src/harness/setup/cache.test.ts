import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { artifactDir, defaultCacheDir, lookUp, STAMP, type Stamp } from './cache.ts';
import { entryDigest, lockedArtifact, readLock } from './lock.ts';
import { listFiles, verifyDeep } from './verify.ts';

const artifact = lockedArtifact(readLock(), 'flink');
const never = new AbortController().signal;
let cacheDir: string;
let dir: string;

beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'doorbuster-cache-'));
  dir = artifactDir(cacheDir, artifact);
});

afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

/** Fills the artifact's folder and stamps it as setup does. */
async function complete(change: Partial<Stamp> = {}): Promise<void> {
  mkdirSync(join(dir, 'lib'), { recursive: true });
  writeFileSync(join(dir, 'lib', 'a.jar'), 'abc');
  writeFileSync(join(dir, 'lib', 'b.jar'), 'defg');
  const stamp: Stamp = {
    version: 1,
    artifact: artifact.name,
    digest: entryDigest(artifact),
    files: await listFiles(dir, never),
    ...change,
  };
  writeFileSync(join(dir, STAMP), JSON.stringify(stamp));
}

describe('the cache', () => {
  it('distinguishes missing and complete artifacts', async () => {
    expect(lookUp(cacheDir, artifact)).toEqual({ kind: 'missing', dir });
    await complete();
    expect(lookUp(cacheDir, artifact)).toMatchObject({ kind: 'complete', dir });
    expect(await verifyDeep(cacheDir, artifact, never)).toEqual([]);
  });

  it('describes a damaged artifact', async () => {
    await complete();
    truncateSync(join(dir, 'lib', 'b.jar'), 1);
    expect(lookUp(cacheDir, artifact)).toMatchObject({
      kind: 'damaged',
      fact: 'lib/b.jar has 1 bytes, expected 4',
    });
    rmSync(join(dir, 'lib', 'b.jar'));
    expect(lookUp(cacheDir, artifact)).toMatchObject({ fact: 'lib/b.jar is gone' });
    rmSync(join(dir, STAMP));
    expect(lookUp(cacheDir, artifact)).toMatchObject({ fact: 'complete.json is gone' });
    writeFileSync(join(dir, STAMP), '{"version": 1');
    expect(lookUp(cacheDir, artifact)).toMatchObject({ fact: 'complete.json cannot be read' });
  });

  it('does not take the files of another lock entry', async () => {
    await complete({ digest: '0'.repeat(64) });
    expect(lookUp(cacheDir, artifact)).toMatchObject({
      kind: 'damaged',
      fact: 'complete.json belongs to another lock entry',
    });
  });

  it('finds a changed byte, an added and a lost file when it reads everything again', async () => {
    await complete();
    writeFileSync(join(dir, 'lib', 'a.jar'), 'abd');
    writeFileSync(join(dir, 'lib', 'c.jar'), '');
    expect(lookUp(cacheDir, artifact).kind, 'sizes alone do not tell').toBe('complete');
    const wrong = await verifyDeep(cacheDir, artifact, never);
    expect(wrong).toHaveLength(2);
    expect(wrong[0]).toMatch(/^flink: lib\/a\.jar: expected ba7816bf\w+, got a52d159f\w+$/);
    expect(wrong[1]).toMatch(/^flink: lib\/c\.jar: expected no such file, got e3b0c442\w+$/);
  });

  it('is in the folder of the environment, and ignores a relative XDG_CACHE_HOME', () => {
    expect(defaultCacheDir({ DOORBUSTER_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(defaultCacheDir({ XDG_CACHE_HOME: '/b' })).toBe('/b/doorbuster');
    expect(defaultCacheDir({ XDG_CACHE_HOME: 'b' })).toBe(join(homedir(), '.cache/doorbuster'));
    expect(defaultCacheDir({})).toBe(join(homedir(), '.cache/doorbuster'));
  });
});
