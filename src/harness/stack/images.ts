import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import type { ContainerEngine } from '../clients/container-engine.ts';
import { packageRoot } from '../entry.ts';
import { CONNECT_PLUGINS, decoderJars, type ServerFiles } from '../setup/artifacts.ts';
import {
  entryDigest,
  type LockedArtifact,
  type LockedJavaBuild,
  type LockedMaven,
  lockedArtifact,
  type StackLock,
} from '../setup/lock.ts';
import { type MachineWork, needsOf } from '../setup/needs.ts';
import { openPartial } from '../setup/partial.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import { baseImage, certificates, createBuildContext, DOCKERFILE } from './build-context.ts';
import type { Image } from './components/component.ts';

/** The artifacts that each image holds, at /opt/NAME. */
const HOLDS: Readonly<Record<Image, readonly string[]>> = {
  kafka: ['kafka'],
  minio: ['minio'],
  catalog: ['catalog', 'lakehouse'],
  flink: ['flink', 'flink-sql', 'lakehouse', 'flink-functions'],
  spark: ['spark', 'spark-iceberg'],
  'spark-merge': ['spark', 'spark-iceberg', 'spark-kafka', 'flink', 'flink-functions'],
  connect: ['connect', ...CONNECT_PLUGINS],
  // These are packages of the base image's distribution.
  redis: [],
  postgres: [],
};

const IMAGES = Object.keys(HOLDS) as readonly Image[];

/** Paths of a server's files in its image. */
export function filesInImages(lock: StackLock): ServerFiles {
  const jars = (name: string) =>
    (lockedArtifact(lock, name) as LockedMaven).jars.map(({ file }) => `/opt/${name}/lib/${file}`);
  const isGateway = (path: string) => path.includes('/flink-sql-gateway-');
  const flinkSql = jars('flink-sql');
  const functions = `/opt/flink-functions/lib/${(lockedArtifact(lock, 'flink-functions') as LockedJavaBuild).jar}`;
  const spark = ['/opt/spark/jars/*', '/opt/spark-iceberg/lib/*'];
  return {
    kafkaClasspath: '/opt/kafka/lib/*',
    flinkLib: '/opt/flink/lib',
    bashJavaUtils: '/opt/flink/bin/bash-java-utils.jar',
    flinkClasspath: [
      '/opt/flink/lib/*',
      ...flinkSql.filter((path) => !isGateway(path)),
      ...jars('lakehouse'),
      functions,
    ],
    sqlGatewayJar: flinkSql.find(isGateway) as string,
    catalogClasspath: '/opt/catalog/lib/*:/opt/lakehouse/lib/*',
    minio: '/opt/minio/minio',
    sparkClasspath: spark.join(':'),
    sparkMergeClasspath: [
      ...spark,
      '/opt/spark-kafka/lib/*',
      functions,
      ...decoderJars(lock).map((file) => `/opt/flink/lib/${file}`),
    ].join(':'),
    connectClasspath: '/opt/connect/lib/*',
    connectPlugins: CONNECT_PLUGINS.map((name) => `/opt/${name}`),
    // No image holds Trino: see `hasImage`.
    trinoClasspath: '/opt/trino/lib/*',
    trinoIceberg: '/opt/trino-iceberg/lib',
  };
}

/** Whether a program has an image, so that it can run next to servers in containers. */
export function hasImage(name: AuxiliaryProcess['name']): name is Image & AuxiliaryProcess['name'] {
  return Object.hasOwn(HOLDS, name);
}

/** The tags of all images. A tag depends on everything that its image is built from. */
export function imageTags(lock: StackLock): ImageTags {
  const shared = [
    baseImage(),
    readFileSync(join(packageRoot, DOCKERFILE), 'utf8'),
    ...certificates().map((path) => readFileSync(path, 'utf8')),
  ];
  const tag = (image: Image) => {
    const held = HOLDS[image].map((name) => lockedArtifact(lock, name));
    const parts = [...shared, ...held.map(entryDigest)];
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
    return `doorbuster/${image}:${held[0]?.version ?? 'packaged'}-${digest}`;
  };
  return Object.fromEntries(IMAGES.map((image) => [image, tag(image)])) as ImageTags;
}

export type ImageTags = Readonly<Record<Image, string>>;

/** Context of an image build. */
interface BuildContext {
  readonly engine: ContainerEngine;
  readonly lock: StackLock;
  readonly cacheDir: string;
  readonly signal: AbortSignal;
}

/**
 * Builds missing images, one after the other, because they share stages. Throws DoorbusterError (exit 3) with the
 * engine's output. Returns the tags of all.
 */
export async function buildImages(
  images: readonly Image[],
  building: BuildContext,
  onBuilding: (what: string) => void,
): Promise<ImageTags> {
  const tags = imageTags(building.lock);
  for (const image of images) {
    building.signal.throwIfAborted();
    const tag = tags[image];
    if (await building.engine.hasImage(tag)) continue;
    onBuilding(image);
    const artifacts = HOLDS[image].map((name) => lockedArtifact(building.lock, name));
    const onStep = (step: string) => onBuilding(`${image}: ${step}`);
    await buildTarget({ target: image, tag, artifacts, onStep }, building);
  }
  return tags;
}

/** Work of a run on a machine that starts no servers, with Spark. */
const OWN_IMAGE_WORK: MachineWork = { servers: 'elsewhere', observes: true, programs: ['spark'] };

/** Builds an image of doorbuster itself with this tag. Throws DoorbusterError (exit 3) with the engine's output. */
export function buildOwnImage(
  tag: string,
  { lock, ...building }: BuildContext,
  onStep: (step: string) => void,
): Promise<void> {
  const { artifacts } = needsOf(lock, OWN_IMAGE_WORK);
  return buildTarget({ target: 'doorbuster', tag, artifacts, onStep }, building);
}

/** One target of the Dockerfile. Cached artifacts are copied, the others are fetched during the build. */
interface Target {
  readonly target: string;
  readonly tag: string;
  readonly artifacts: readonly LockedArtifact[];
  readonly args?: Readonly<Record<string, string>>;
  /** Called with each step that the engine reports. */
  readonly onStep?: (step: string) => void;
}

/** A step of a build in the engine's output: `[fetcher 2/8] RUN apt-get …`. */
const STEP = /^\[\S+\] (\[.{1,60})/;

/** Builds one target. Throws DoorbusterError (exit 3) with the engine's output. */
export async function buildTarget(
  { target, tag, artifacts, args = {}, onStep }: Target,
  { engine, cacheDir, signal }: Omit<BuildContext, 'lock'>,
): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  // On the cache's file system, where its files can be linked and the next setup removes those of a killed build.
  await using partial = await openPartial(cacheDir, `image-${target}`);
  try {
    const context = partial.files;
    const contextArgs = await createBuildContext(context, artifacts, cacheDir);
    await engine.pull(baseImage(), signal);
    const onLine = (line: string) => {
      const step = STEP.exec(line)?.[1];
      if (step !== undefined) onStep?.(step);
    };
    const built = {
      tag,
      context,
      dockerfile: DOCKERFILE,
      target,
      args: { ...contextArgs, ...args },
    };
    await engine.build({ ...built, onLine, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw stackBroke(
      `the image of ${target} could not be built: ${(error as Error).message}`,
      `docker build -f ${DOCKERFILE} --target ${target} .   # in a checkout of doorbuster: prints the whole log`,
      error,
    );
  }
}
