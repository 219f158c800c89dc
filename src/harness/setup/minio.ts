import { execFileSync } from 'node:child_process';
import { onPath } from './on-path.ts';

/** A MinIO that is installed on the machine. */
interface FoundMinio {
  readonly path: string;
  /** Its own version, e.g. `RELEASE.2025-10-15T17-29-55Z`. */
  readonly version: string;
}

/** The MinIO server on PATH, recognized by the output of `minio --version`. */
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
