import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** A MinIO that the machine already has. */
export interface FoundMinio {
  readonly path: string;
  /** What it calls itself, e.g. `RELEASE.2025-10-15T17-29-55Z`. */
  readonly version: string;
}

/** The first executable called `command` on PATH, or undefined. */
export function onPath(command: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const dir of (env.PATH ?? '').split(delimiter)) {
    if (!isAbsolute(dir)) continue;
    const path = join(dir, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder; the next one may have it.
    }
  }
  return undefined;
}

/** The MinIO server on PATH, if `minio --version` answers like one. */
export function minioOnPath(env: NodeJS.ProcessEnv = process.env): FoundMinio | undefined {
  const path = onPath('minio', env);
  if (!path) return undefined;
  try {
    const said = execFileSync(path, ['--version'], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const version = /^minio version (\S+)/.exec(said)?.[1];
    return version ? { path, version } : undefined;
  } catch {
    return undefined;
  }
}
