import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DoorbusterError } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { lookUp, STAMP, type Stamp } from './cache.ts';
import type { LockedArtifact, PinnedFile } from './lock.ts';

/** SHA-256 of a file's bytes, in hex. */
async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash, {
    ...(signal ? { signal } : {}),
  });
  return hash.digest('hex');
}

/** Throws DoorbusterError (file, expected, got) unless the file in `dir` is the pinned one. */
export async function verifyPinned(
  dir: string,
  pinned: PinnedFile,
  hint: string,
  signal: AbortSignal,
): Promise<void> {
  const path = join(dir, pinned.file);
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  );
  if (size === undefined) throw mismatch(pinned.file, 'a file', 'none', hint);
  const got = await hashFile(path, signal);
  if (got !== pinned.sha256) {
    throw mismatch(
      pinned.file,
      `sha256 ${pinned.sha256} (${pinned.bytes} bytes)`,
      `${got} (${size} bytes)`,
      hint,
    );
  }
}

/** The error for a difference from the lock. */
export function mismatch(
  file: string,
  expected: string,
  got: string,
  hint: string,
): DoorbusterError {
  return new DoorbusterError(
    `${file} differs from stack.lock.json: expected ${expected}, got ${got}`,
    {
      exitCode: EXIT.badInput,
      hint,
    },
  );
}

/** Path, size and checksum of every file below `dir`, sorted by path, without the stamp. */
export async function listFiles(dir: string, signal: AbortSignal): Promise<Stamp['files']> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => path !== STAMP)
    .sort();
  const files = [];
  for (const path of paths) {
    const { size } = await stat(join(dir, path));
    files.push({ path, bytes: size, sha256: await hashFile(join(dir, path), signal) });
  }
  return files;
}

/**
 * Checks all bytes of a complete artifact against the checksums of its stamp and, for files that the lock pins one
 * by one, against the lock. Returns one sentence per difference.
 */
export async function verifyDeep(
  cacheDir: string,
  artifact: LockedArtifact,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const state = lookUp(cacheDir, artifact);
  if (state.kind === 'missing') return [`${artifact.name} is not in the cache`];
  if (state.kind === 'damaged') return [`${artifact.name}: ${state.fact}`];
  const pinned = new Map(
    artifact.kind === 'maven' ? artifact.jars.map((jar) => [`lib/${jar.file}`, jar.sha256]) : [],
  );
  const stamped = new Map(state.stamp.files.map((file) => [file.path, file.sha256]));
  const found = new Map(
    (await listFiles(state.dir, signal)).map((file) => [file.path, file.sha256]),
  );
  const wrong: string[] = [];
  for (const path of new Set([...stamped.keys(), ...pinned.keys(), ...found.keys()])) {
    const expected = pinned.get(path) ?? stamped.get(path) ?? 'no such file';
    const got = found.get(path) ?? 'no such file';
    if (expected !== got) {
      wrong.push(`${artifact.name}: ${path}: expected ${expected}, got ${got}`);
    }
  }
  return wrong;
}
