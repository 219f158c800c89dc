import { execFileSync } from 'node:child_process';
import { onPath } from './on-path.ts';

/** A MinIO that the machine already has. */
interface FoundMinio {
  readonly path: string;
  /** What it calls itself, e.g. `RELEASE.2025-10-15T17-29-55Z`. */
  readonly version: string;
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
