import { join } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { artifactDir, lookUp, type Stamp } from './cache.ts';
import {
  type LockedArtifact,
  type LockedJavaBuild,
  type LockedMaven,
  lockedArtifact,
  type StackLock,
} from './lock.ts';
import { minioOnPath } from './minio.ts';
import { isOptional, needsOf } from './needs.ts';

/**
 * Paths of everything that a run starts or loads. Class paths are lists of files or `dir/*`; join them
 * with `:` (node:path's delimiter).
 */
export interface Artifacts {
  /** `…/lib/*`: the broker, its tools and its logging. */
  readonly kafkaClasspath: string;
  /** Folder of the distribution's own jars. */
  readonly flinkLib: string;
  /** Prints the TaskManager's memory flags. */
  readonly bashJavaUtils: string;
  /** Every jar of a Flink JVM by its path: lib, connectors, Iceberg, S3, Hadoop and doorbuster's functions. */
  readonly flinkClasspath: readonly string[];
  /** Only on the gateway's class path. */
  readonly sqlGatewayJar: string;
  /** The Iceberg REST catalog with its dependencies. */
  readonly catalogClasspath: string;
  /** The MinIO executable: built by setup, or the one on PATH. */
  readonly minio: string;
  /** Files to LOAD by path, in this order. */
  readonly duckdbExtensions: {
    readonly avro: string;
    readonly httpfs: string;
    readonly iceberg: string;
    readonly sqliteScanner: string;
    readonly ducklake: string;
  };
  /** Spark's jars with Iceberg's runtime and S3. */
  readonly sparkClasspath: string;
  /** The same with the Kafka source, and the function that decodes records with what it uses of Flink. */
  readonly sparkMergeClasspath: string;
  /** A worker of Kafka Connect. */
  readonly connectClasspath: string;
  /** Folders with a folder of jars per plugin: the Iceberg sink, and Debezium's transforms. */
  readonly connectPlugins: readonly string[];
  /** Trino's own jars. */
  readonly trinoClasspath: string;
  /** Folder of the jars of Trino's Iceberg plugin. */
  readonly trinoIceberg: string;
  /** Folder of the class archives, which the JVMs of a run write for those of the next. */
  readonly classArchives: string;
  /** Version of each artifact, for the record; of a program that only some runs start, only for these. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The artifacts that are plugins of Kafka Connect. */
export const CONNECT_PLUGINS = ['connect-iceberg', 'connect-debezium'] as const;

/** The artifacts from which servers and auxiliary processes are started. */
export type ServerFiles = Pick<
  Artifacts,
  | 'kafkaClasspath'
  | 'flinkLib'
  | 'bashJavaUtils'
  | 'flinkClasspath'
  | 'sqlGatewayJar'
  | 'catalogClasspath'
  | 'minio'
  | 'sparkClasspath'
  | 'sparkMergeClasspath'
  | 'connectClasspath'
  | 'connectPlugins'
  | 'trinoClasspath'
  | 'trinoIceberg'
>;

/**
 * Finds the needed artifacts of the lock in the cache, by stamps and sizes only. The others get the paths that they
 * would have. Throws DoorbusterError for missing or damaged artifacts (hint: `doorbuster setup`).
 */
export function locateArtifacts(
  cacheDir: string,
  lock: StackLock,
  needed: readonly LockedArtifact[] = needsOf(lock).artifacts,
): Artifacts {
  const dirs: Record<string, string> = {};
  const stamps: Record<string, Stamp> = {};
  const absent: string[] = [];
  const versions: Record<string, string> = {};
  for (const artifact of lock.artifacts) {
    const { name, version } = artifact;
    const isNeeded = needed.some((one) => one.name === name);
    if (isNeeded || !isOptional(artifact)) versions[name] = version;
    const state = lookUp(cacheDir, artifact);
    if (!isNeeded) {
      dirs[name] = artifactDir(cacheDir, artifact);
    } else if (state.kind === 'complete') {
      dirs[name] = state.dir;
      stamps[name] = state.stamp;
      const { builtWith } = state.stamp;
      if (builtWith) versions[name] = `${version} (${builtWith})`;
    } else if (name === 'minio' && minioOnPath()) {
      versions.minio = `${minioOnPath()?.version} (on PATH)`;
    } else {
      const why = state.kind === 'damaged' ? ` (${state.fact})` : '';
      absent.push(`${name} ${version}${why}`);
    }
  }
  if (absent.length > 0) {
    throw badInput(`not in the cache ${cacheDir}: ${absent.join(', ')}`, 'doorbuster setup');
  }
  return {
    ...assemble(lock, dirs, stamps),
    classArchives: join(cacheDir, 'class-archives'),
    versions,
  };
}

function assemble(
  lock: StackLock,
  dirs: Readonly<Record<string, string>>,
  stamps: Readonly<Record<string, Stamp>>,
): Omit<Artifacts, 'classArchives' | 'versions'> {
  const at = (name: string, ...rest: string[]) => join(dirs[name]!, ...rest);
  const jar = (name: string, artifactId: string) => {
    const group = lockedArtifact(lock, name) as LockedMaven;
    const found = group.jars.find((one) => one.maven.split(':')[1] === artifactId);
    if (!found) throw new Error(`stack.lock.json: ${name} has no jar of ${artifactId}`);
    return at(name, 'lib', found.file);
  };
  const jars = (name: string) =>
    (stamps[name]?.files ?? [])
      .filter((file) => file.path.startsWith('lib/'))
      .map((file) => at(name, file.path));
  const extension = (name: string) => at('duckdb-extensions', `${name}.duckdb_extension`);
  const gateway = jar('flink-sql', 'flink-sql-gateway');
  const functions = at(
    'flink-functions',
    'lib',
    (lockedArtifact(lock, 'flink-functions') as LockedJavaBuild).jar,
  );
  const spark = [at('spark', 'jars', '*'), at('spark-iceberg', 'lib', '*')];
  return {
    kafkaClasspath: at('kafka', 'lib', '*'),
    flinkLib: at('flink', 'lib'),
    bashJavaUtils: at('flink', 'bin', 'bash-java-utils.jar'),
    flinkClasspath: [
      ...jars('flink'),
      ...jars('flink-sql').filter((path) => path !== gateway),
      ...jars('lakehouse'),
      functions,
    ],
    sqlGatewayJar: gateway,
    catalogClasspath: [at('catalog', 'lib', '*'), at('lakehouse', 'lib', '*')].join(':'),
    minio: dirs.minio ? at('minio', 'minio') : minioOnPath()!.path,
    duckdbExtensions: {
      avro: extension('avro'),
      httpfs: extension('httpfs'),
      iceberg: extension('iceberg'),
      sqliteScanner: extension('sqlite_scanner'),
      ducklake: extension('ducklake'),
    },
    sparkClasspath: spark.join(':'),
    sparkMergeClasspath: [
      ...spark,
      at('spark-kafka', 'lib', '*'),
      functions,
      ...decoderJars(lock).map((file) => at('flink', 'lib', file)),
    ].join(':'),
    connectClasspath: at('connect', 'lib', '*'),
    connectPlugins: CONNECT_PLUGINS.map((name) => at(name)),
    trinoClasspath: at('trino', 'lib', '*'),
    trinoIceberg: at('trino-iceberg', 'lib'),
  };
}

/** The jars of Flink that the function which decodes records uses. */
export function decoderJars(lock: StackLock): readonly string[] {
  const { version } = lockedArtifact(lock, 'flink');
  return ['flink-dist', 'flink-table-api-java-uber', 'flink-table-runtime'].map(
    (name) => `${name}-${version}.jar`,
  );
}
