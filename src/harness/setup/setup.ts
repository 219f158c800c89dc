import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { badInput, DoorbusterError, refusedByMachine } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { artifactDir, folderName, lookUp, STAMP, type Stamp } from './cache.ts';
import { acquireLock } from './cache-lock.ts';
import type { Fetch, FetchContext, Fetched } from './fetch-context.ts';
import { fetchGoBuild } from './fetch-go.ts';
import { fetchJavaBuild } from './fetch-java.ts';
import { fetchMaven } from './fetch-maven.ts';
import { fetchDataset, fetchSdist, fetchWheels } from './fetch-pypi.ts';
import { entryDigest, type LockedArtifact, lockedArtifact, type StackLock } from './lock.ts';
import { minioOnPath } from './minio.ts';
import { needsOf } from './needs.ts';
import { openPartial, PARTIAL_ENV, type PartialFolder, sweepPartials } from './partial.ts';
import { listFiles } from './verify.ts';

interface SetupOptions {
  readonly cacheDir: string;
  readonly lock: StackLock;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (event: SetupEvent) => void;
  /** Names of artifacts and data sets; by default what every run can need, and no data set. */
  readonly only?: readonly string[];
  /** How to fetch an artifact; by default with the package clients of this machine. */
  readonly fetch?: Fetch;
}

/** Progress of one artifact. The last event of each is `present`, `done` or `failed`. */
export interface SetupEvent {
  readonly artifact: string;
  readonly version: string;
  readonly state: 'present' | 'waiting' | 'working' | 'done' | 'failed';
  /** In a few words: `pip`, `compiling`, `verifying`, or the reason for waiting or failing. */
  readonly step: string;
  /** Progress of this step from 0 to 1, if known. */
  readonly fraction?: number;
  /** Time since this artifact was started. */
  readonly seconds: number;
}

/** Concurrent fetches per kind: Go and Maven use every core by themselves. */
const CONCURRENCY: Record<LockedArtifact['kind'], number> = {
  'go-build': 1,
  'pypi-sdist': 2,
  'pypi-wheels': 1,
  'pypi-dataset': 1,
  'java-build': 1,
  maven: 1,
};

const FETCHERS: {
  [K in LockedArtifact['kind']]: (
    artifact: Extract<LockedArtifact, { kind: K }>,
    context: FetchContext,
  ) => Promise<Fetched>;
} = {
  'go-build': fetchGoBuild,
  'pypi-sdist': fetchSdist,
  'pypi-wheels': fetchWheels,
  'pypi-dataset': fetchDataset,
  'java-build': fetchJavaBuild,
  maven: fetchMaven,
};

/**
 * Fills the cache with every artifact of the lock, or those of `only`. Present artifacts are kept after a check
 * of stamps and sizes. A failed artifact does not stop the others; the DoorbusterError then names all that failed.
 * Rejects with the signal's reason on abort.
 */
export async function fetchArtifacts(options: SetupOptions): Promise<void> {
  const missing = missingArtifacts(options, chosen(options));
  if (missing.length === 0) return;
  await mkdir(options.cacheDir, { recursive: true });
  await sweepPartials(options.cacheDir);
  const isBuilt = ({ kind }: LockedArtifact) => kind === 'java-build';
  const failures = [
    ...(await provideAll(
      missing.filter((one) => !isBuilt(one)),
      options,
    )),
    // Against what was fetched before.
    ...(await provideAll(missing.filter(isBuilt), options)),
  ];
  if (failures.length > 0) throw joined(failures);
}

/** Each kind in lanes of its own. Gives what failed. */
async function provideAll(
  missing: readonly LockedArtifact[],
  options: SetupOptions,
): Promise<readonly DoorbusterError[]> {
  const failures: DoorbusterError[] = [];
  const lanes = Object.entries(CONCURRENCY).flatMap(([kind, width]) => {
    const queue = missing.filter((artifact) => artifact.kind === kind);
    return Array.from({ length: width }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const failure = await provide(next, options);
        if (failure) failures.push(failure);
      }
    });
  });
  const ends = await Promise.allSettled(lanes);
  const broken = ends.find((end) => end.status === 'rejected');
  options.signal.throwIfAborted();
  if (broken) throw broken.reason;
  return failures;
}

/** Artifacts of the lock that neither the cache nor the machine has; reports `present` for the others. */
export function missingArtifacts(
  options: Pick<SetupOptions, 'cacheDir' | 'onProgress'>,
  artifacts: readonly LockedArtifact[],
): LockedArtifact[] {
  return artifacts.filter((artifact) => {
    const complete = lookUp(options.cacheDir, artifact).kind === 'complete';
    const found = !complete && artifact.name === 'minio' ? minioOnPath() : undefined;
    if (!complete && !found) return true;
    const step = found ? `${found.path}, ${found.version}` : 'in the cache';
    const { name, version } = artifact;
    options.onProgress({ artifact: name, version, state: 'present', step, seconds: 0 });
    return false;
  });
}

/** Fetches one artifact into the cache. */
async function provide(
  artifact: LockedArtifact,
  options: SetupOptions,
): Promise<DoorbusterError | undefined> {
  const { cacheDir, clock, signal } = options;
  const startedMs = clock.monotonicMs();
  const report = (state: SetupEvent['state'], step: string, fraction?: number) =>
    options.onProgress({
      artifact: artifact.name,
      version: artifact.version,
      state,
      step,
      ...(fraction === undefined ? {} : { fraction }),
      seconds: (clock.monotonicMs() - startedMs) / 1000,
    });
  try {
    using _held = await acquireLock(
      join(cacheDir, '.locks', `${artifact.name}-${folderName(artifact)}`),
      {
        clock,
        signal,
        onWait: (holder) =>
          report('waiting', `another setup is fetching it (process ${holder?.pid ?? 'unknown'})`),
      },
    );
    if (lookUp(cacheDir, artifact).kind === 'complete') {
      report('done', 'another setup fetched it');
      return undefined;
    }
    {
      await using partial = await openPartial(cacheDir, artifact.name);
      await fill(artifact, partial, options, (step, fraction) => report('working', step, fraction));
      await putInPlace(cacheDir, artifact, partial);
    }
    report('done', 'verified');
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const known = refusedByMachine(error, { path: cacheDir, exitCode: EXIT.badInput }) ?? error;
    if (!(known instanceof DoorbusterError)) throw error;
    report('failed', known.message);
    return known;
  }
}

/** Fetches into the partial folder and writes the stamp; then it only has to be renamed. */
async function fill(
  artifact: LockedArtifact,
  partial: PartialFolder,
  { cacheDir, lock, signal, fetch = FETCHERS[artifact.kind] as Fetch }: SetupOptions,
  onStep: FetchContext['onStep'],
): Promise<void> {
  const env = { [PARTIAL_ENV]: partial.dir, TMPDIR: partial.work };
  const artifactAt = (name: string) => {
    const { kind, dir } = lookUp(cacheDir, lockedArtifact(lock, name));
    if (kind === 'complete') return dir;
    throw badInput(`${artifact.name} needs ${name}, which is not in the cache`, 'doorbuster setup');
  };
  const { builtWith } = await fetch(artifact, { partial, signal, onStep, artifactAt, env });
  onStep('stamping');
  const stamp: Stamp = {
    version: 1,
    artifact: artifact.name,
    digest: entryDigest(artifact),
    ...(builtWith ? { builtWith } : {}),
    files: await listFiles(partial.files, signal),
  };
  await writeFile(join(partial.files, STAMP), `${JSON.stringify(stamp, null, 1)}\n`);
}

/**
 * Renames a finished folder to its final path in one step. A complete folder there is kept, a damaged one is
 * replaced.
 */
async function putInPlace(
  cacheDir: string,
  artifact: LockedArtifact,
  partial: PartialFolder,
): Promise<void> {
  const place = artifactDir(cacheDir, artifact);
  await mkdir(dirname(place), { recursive: true });
  if (lookUp(cacheDir, artifact).kind === 'complete') return;
  if (existsSync(place)) await rename(place, join(partial.dir, 'damaged'));
  try {
    await rename(partial.files, place);
  } catch (error) {
    if (lookUp(cacheDir, artifact).kind !== 'complete') throw error;
  }
}

function chosen({ lock, only }: SetupOptions): readonly LockedArtifact[] {
  if (!only) return needsOf(lock).artifacts;
  const all = [...lock.artifacts, ...lock.datasets];
  const names = all.map((artifact) => artifact.name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown) throw badInput(`there is no artifact ${unknown}`, `one of ${names.join(', ')}`);
  const wanted = all.filter((artifact) => only.includes(artifact.name));
  const classpaths = wanted.flatMap((one) => (one.kind === 'java-build' ? [one.classpath] : []));
  return all.filter((one) => wanted.includes(one) || classpaths.includes(one.name));
}

function joined(failures: readonly DoorbusterError[]): DoorbusterError {
  if (failures.length === 1) return failures[0]!;
  return new DoorbusterError(failures.map((failure) => failure.message).join('\n'), {
    exitCode: EXIT.badInput,
    hint: failures[0]?.hint ?? 'doorbuster setup',
  });
}
