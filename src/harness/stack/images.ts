import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, link, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import type { ContainerEngine } from '../clients/container-engine.ts';
import { packageRoot } from '../entry.ts';
import { lookUp } from '../setup/cache.ts';
import { entryDigest, type LockedMaven, lockedArtifact, type StackLock } from '../setup/lock.ts';
import { openPartial, removeTree } from '../setup/partial.ts';
import type { ServerFiles } from './plan.ts';
import type { Image } from './services.ts';

/** The artifacts that each image holds, at /opt/NAME. */
const HOLDS: Readonly<Record<Image, readonly string[]>> = {
  kafka: ['kafka'],
  minio: ['minio'],
  catalog: ['catalog', 'lakehouse'],
  flink: ['flink', 'flink-sql', 'lakehouse'],
};

const IMAGES = Object.keys(HOLDS) as readonly Image[];

const DOCKERFILE = 'docker/Dockerfile';
const EXTRA_CA = 'docker/extra-ca';

/** What a company may need: images from a registry of its own, and certificates of its proxy. */
function surroundings() {
  return {
    base: process.env.DOORBUSTER_BASE_IMAGE || 'debian:trixie-slim',
    certificates: certificates(process.env.DOORBUSTER_EXTRA_CA || join(packageRoot, EXTRA_CA)),
  };
}

/** Doorbuster itself, which fetches in the build stages what the cache does not have. */
const CONTEXT = ['docker', 'bin', 'dist', 'package.json', 'package-lock.json', 'stack.lock.json'];

/** Where a server finds its files in its image. */
export function filesInImages(lock: StackLock): ServerFiles {
  const jars = (name: string) =>
    (lockedArtifact(lock, name) as LockedMaven).jars.map(({ file }) => `/opt/${name}/lib/${file}`);
  const isGateway = (path: string) => path.includes('/flink-sql-gateway-');
  const flinkSql = jars('flink-sql');
  return {
    kafkaClasspath: '/opt/kafka/lib/*',
    flinkLib: '/opt/flink/lib',
    bashJavaUtils: '/opt/flink/bin/bash-java-utils.jar',
    flinkClasspath: [
      '/opt/flink/lib/*',
      ...flinkSql.filter((path) => !isGateway(path)),
      ...jars('lakehouse'),
    ],
    sqlGatewayJar: flinkSql.find(isGateway) as string,
    catalogClasspath: '/opt/catalog/lib/*:/opt/lakehouse/lib/*',
    minio: '/opt/minio/minio',
  };
}

/** The names of all images: whatever one is built from names another. */
export function imageTags(lock: StackLock): ImageTags {
  const { base, certificates } = surroundings();
  const shared = [
    base,
    readFileSync(join(packageRoot, DOCKERFILE), 'utf8'),
    ...certificates.map((path) => readFileSync(path, 'utf8')),
  ];
  const tag = (image: Image) => {
    const held = HOLDS[image].map((name) => lockedArtifact(lock, name));
    const parts = [...shared, ...held.map(entryDigest)];
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
    return `doorbuster/${image}:${held[0]?.version}-${digest}`;
  };
  return Object.fromEntries(IMAGES.map((image) => [image, tag(image)])) as ImageTags;
}

export type ImageTags = Readonly<Record<Image, string>>;

interface Building {
  readonly engine: ContainerEngine;
  readonly lock: StackLock;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
  readonly onBuilding: (image: Image) => void;
}

/**
 * Builds the images that are not there, one after the other: their stages are shared. What the cache
 * has goes in from there, the rest is fetched while building. Throws DoorbusterError (exit 3) with what
 * the engine said. Gives the names of all.
 */
export async function buildImages(building: Building): Promise<ImageTags> {
  const { engine, lock, signal } = building;
  const tags = imageTags(lock);
  for (const image of IMAGES) {
    signal.throwIfAborted();
    const tag = tags[image];
    if (await engine.hasImage(tag)) continue;
    building.onBuilding(image);
    await buildImage(image, tag, building);
  }
  return tags;
}

async function buildImage(image: Image, tag: string, building: Building): Promise<void> {
  const { engine, lock, cacheDir, signal } = building;
  const { base, certificates } = surroundings();
  await mkdir(cacheDir, { recursive: true });
  // Beside the cache: there its files can be linked, and a killed build's are swept with the next setup.
  const partial = await openPartial(cacheDir, `image-${image}`);
  try {
    const context = partial.files;
    const args: Record<string, string> = { BASE: base };
    for (const name of HOLDS[image]) {
      const state = lookUp(cacheDir, lockedArtifact(lock, name));
      if (state.kind !== 'complete') continue;
      args[name.toUpperCase().replaceAll('-', '_')] = 'cached';
      await linkTree(state.dir, join(context, 'artifacts', name));
    }
    for (const path of CONTEXT) {
      const source = join(packageRoot, path);
      if (existsSync(source)) await cp(source, join(context, path), { recursive: true });
    }
    for (const path of certificates) await cp(path, join(context, EXTRA_CA, basename(path)));
    const built = engine.build({ tag, context, dockerfile: DOCKERFILE, target: image, args });
    await Promise.race([built, aborted(signal)]);
  } catch (error) {
    signal.throwIfAborted();
    throw stackBroke(
      `the image of ${image} could not be built: ${(error as Error).message}`,
      `docker build -f ${DOCKERFILE} --target ${image} .   # in a checkout of doorbuster: says all of it`,
      error,
    );
  } finally {
    await removeTree(partial.dir);
  }
}

function certificates(dir: string): readonly string[] {
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir).filter((name) => name.endsWith('.crt'));
  return names.toSorted().map((name) => join(dir, name));
}

/** The same files under another name; on a file system that has no links, copies of them. */
async function linkTree(from: string, to: string): Promise<void> {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const target = join(to, source.slice(from.length));
    await mkdir(dirname(target), { recursive: true });
    await link(source, target).catch(() => cp(source, target));
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
