import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { entryDigest, type LockedArtifact } from './lock.ts';
import { folder, xdgDir } from './user-dirs.ts';

/** The stamp's file name. It is written last, so its presence means that the folder is complete. */
export const STAMP = 'complete.json';

const stampSchema = z.strictObject({
  version: z.literal(1),
  artifact: z.string(),
  /** Digest of the lock entry that the files were verified against. */
  digest: z.string(),
  /** The compiler, if the artifact was compiled here, e.g. `go1.26.8`. */
  builtWith: z.string().optional(),
  files: z.array(z.strictObject({ path: z.string(), bytes: z.int(), sha256: z.string() })),
});

/** Contents of a complete artifact's folder, with the verified checksums of its files. */
export type Stamp = Readonly<z.infer<typeof stampSchema>>;

/** State of an artifact in the cache. `damaged` names the first file that differs from the stamp. */
type CacheState =
  | { readonly kind: 'complete'; readonly dir: string; readonly stamp: Stamp }
  | { readonly kind: 'missing'; readonly dir: string }
  | { readonly kind: 'damaged'; readonly dir: string; readonly fact: string };

/** The cache: DOORBUSTER_CACHE, or XDG_CACHE_HOME/doorbuster, or ~/.cache/doorbuster. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.DOORBUSTER_CACHE) return folder(resolve(env.DOORBUSTER_CACHE));
  return xdgDir('XDG_CACHE_HOME', '.cache', env);
}

/** Folder of the complete artifact. */
export function artifactDir(cacheDir: string, artifact: LockedArtifact): string {
  return join(cacheDir, artifact.name, folderName(artifact));
}

/** Version and digest, so that a changed lock entry never uses the files of the former one. */
export function folderName(artifact: LockedArtifact): string {
  return `${artifact.version}-${entryDigest(artifact).slice(0, 12)}`;
}

/**
 * Looks an artifact up by its stamp and the size of every file, without reading hundreds of
 * megabytes again; `verify.ts` does that.
 */
export function lookUp(cacheDir: string, artifact: LockedArtifact): CacheState {
  const dir = artifactDir(cacheDir, artifact);
  let text: string;
  try {
    text = readFileSync(join(dir, STAMP), 'utf8');
  } catch {
    return isThere(dir)
      ? { kind: 'damaged', dir, fact: `${STAMP} is gone` }
      : { kind: 'missing', dir };
  }
  const stamp = parseStamp(text);
  if (!stamp) return { kind: 'damaged', dir, fact: `${STAMP} cannot be read` };
  if (stamp.digest !== entryDigest(artifact)) {
    return { kind: 'damaged', dir, fact: `${STAMP} belongs to another lock entry` };
  }
  for (const file of stamp.files) {
    const size = sizeOf(join(dir, file.path));
    if (size !== file.bytes) {
      const fact = size === undefined ? 'is gone' : `has ${size} bytes, expected ${file.bytes}`;
      return { kind: 'damaged', dir, fact: `${file.path} ${fact}` };
    }
  }
  return { kind: 'complete', dir, stamp };
}

/** The stamp in `text`; undefined if it is not a valid one. */
export function parseStamp(text: string): Stamp | undefined {
  try {
    return stampSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
