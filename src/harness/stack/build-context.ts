import { existsSync, readdirSync } from 'node:fs';
import { cp, link, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { packageRoot } from '../entry.ts';
import { folderName, lookUp } from '../setup/cache.ts';
import type { LockedArtifact } from '../setup/lock.ts';

export const DOCKERFILE = 'docker/Dockerfile';
const EXTRA_CA = 'docker/extra-ca';
const EXTRA_HOME = 'docker/extra-home';

/** Doorbuster's own package: it fetches missing artifacts in build stages, and has its own image. */
const PACKAGE = [
  ...[
    'bin',
    'dist',
    'scenarios',
    'pipelines',
    'templates',
    'src/reports/assets',
    'src/topology/java',
  ],
  ...['package.json', 'package-lock.json', 'stack.lock.json'],
];

/** Predefined build arguments, which the engine does not store in images. */
const PROXY = /^(http|https|ftp|no|all)_proxy$/i;

/** The base of all images. */
export function baseImage(): string {
  return process.env.DOORBUSTER_BASE_IMAGE || 'debian:trixie-slim';
}

/** Certificates that the images trust besides the public ones, such as those of a company's proxy. */
export function certificates(): readonly string[] {
  const dir = process.env.DOORBUSTER_EXTRA_CA || join(packageRoot, EXTRA_CA);
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir).filter((name) => name.endsWith('.crt'));
  return names.toSorted().map((name) => join(dir, name));
}

/** Name of an artifact's build argument. */
function argOf({ name }: LockedArtifact): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/**
 * Puts all that an image of these artifacts is built from into an empty folder, and gives the build
 * arguments that go with it: per artifact whether it is there, and its folder in a cache. What the cache has is linked;
 * what it has not, doorbuster fetches while building.
 */
export async function createBuildContext(
  context: string,
  artifacts: readonly LockedArtifact[],
  cacheDir: string,
): Promise<Record<string, string>> {
  const args: Record<string, string> = {
    ...Object.fromEntries(
      Object.entries(process.env).flatMap(([name, value]) =>
        PROXY.test(name) && value ? [[name, value]] : [],
      ),
    ),
    BASE: baseImage(),
  };
  await copy(join(packageRoot, 'docker'), join(context, 'docker'));
  for (const path of certificates()) await copy(path, join(context, EXTRA_CA, basename(path)));
  for (const artifact of artifacts) {
    args[`${argOf(artifact)}_AT`] = join(artifact.name, folderName(artifact));
    const state = lookUp(cacheDir, artifact);
    if (state.kind !== 'complete') continue;
    args[argOf(artifact)] = 'cached';
    await linkTree(state.dir, join(context, 'artifacts', artifact.name));
  }
  for (const path of PACKAGE) {
    if (existsSync(join(packageRoot, path)))
      await copy(join(packageRoot, path), join(context, path));
  }
  const home = process.env.DOORBUSTER_EXTRA_HOME;
  if (home) await copy(home, join(context, EXTRA_HOME));
  return args;
}

function copy(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true });
}

/** Links a folder's files into another folder, or copies them if the file system does not support links. */
async function linkTree(from: string, to: string): Promise<void> {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const target = join(to, source.slice(from.length));
    await mkdir(dirname(target), { recursive: true });
    await link(source, target).catch(() => cp(source, target));
  }
}
