import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { catalogProperties } from '../../clients/catalog-options.ts';
import type { Endpoints } from '../../clients/endpoints.ts';
import { packageRoot } from '../../entry.ts';
import type { AuxiliaryProcess, LaunchContext } from '../../stack/auxiliary-process.ts';
import { DATA_PLANE } from '../../stack/components/jvm.ts';
import { HOST } from '../../stack/plan.ts';
import type { Jit } from '../../stack/stack.ts';

type SparkProgram = Omit<AuxiliaryProcess, 'onLine' | 'log'>;

const SCRIPT = 'compact.sql';
const ICEBERG_EXTENSIONS = 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions';
const OPTIONS = 'jvm.options';
/** Memory for Spark and S3 outside the heap. */
const BEYOND_HEAP_MIB = 1024;
const HEAP_MIB = 1024;

/** Otherwise a table that was read once stays as it was then: the next statement would work on an old snapshot. */
const NOT_CACHED = { 'spark.sql.catalog.ice.cache-enabled': 'false' } as const;

/** A Spark process that runs one SQL script to its end, with the catalog as `ice`. */
export function sparkScript(sql: string, endpoints: Endpoints): SparkProgram {
  return sparkProgram(endpoints, {
    ...{ appName: 'doorbuster-compaction', threads: 2, heapMiB: HEAP_MIB, jit: 'full', ports: [] },
    files: () => ({ [SCRIPT]: sql }),
    // For CALL. A session has none of it: Spark 4.1 passes no parameters to the parser of an extension.
    options: () => ({
      'spark.sql.extensions': ICEBERG_EXTENSIONS,
      ...NOT_CACHED,
    }),
    main: (dir) => [
      'org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver',
      '-f',
      join(dir, SCRIPT),
    ],
  });
}

const SESSION_CLASS = 'SqlSession';
const SESSION_SOURCE = join(packageRoot, 'src/topology/java/spark', `${SESSION_CLASS}.java`);

/** Line on standard output with which a session says that it can be used. */
export const SESSION_READY = 'doorbuster-session-ready';

interface SessionOptions {
  /** Port on this machine's loopback. */
  readonly port: number;
  /** Secret that every request has to show. */
  readonly token: string;
  readonly threads: number;
  readonly heapMiB?: number;
  readonly jit?: Jit;
}

/**
 * A Spark process that runs statements over HTTP until it is killed, with the catalog as `ice`. The source of its main
 * class is compiled by Janino, the compiler in Spark's own jars, so that neither setup nor an image has to build it.
 */
export function sparkSession(
  { port, token, threads, heapMiB = HEAP_MIB, jit = 'full' }: SessionOptions,
  endpoints: Endpoints,
): SparkProgram {
  const program = sparkProgram(endpoints, {
    ...{ appName: 'doorbuster-session', threads, heapMiB, jit, ports: [port] },
    files: () => ({ [`${SESSION_CLASS}.java`]: readFileSync(SESSION_SOURCE, 'utf8') }),
    options: (internal) => ({
      ...listening(internal, port, token),
      ...NOT_CACHED,
    }),
    main: (dir) => compiledBy(dir, SESSION_CLASS),
  });
  return { ...program, untilKilled: true };
}

function listening(internal: boolean, port: number, token: string) {
  return {
    // In a container, the port is published on this machine's loopback only.
    'doorbuster.address': internal ? '0.0.0.0' : HOST,
    'doorbuster.port': String(port),
    'doorbuster.token': token,
  };
}

/** Arguments that compile a class and run its main method. */
function compiledBy(dir: string, name: string): readonly string[] {
  return ['org.codehaus.commons.compiler.AbstractJavaSourceClassLoader', '-sourcepath', dir, name];
}

const MERGE_CLASS = 'MergeJob';
const MERGE_SOURCE = join(packageRoot, 'src/topology/java/spark', `${MERGE_CLASS}.java`);
const MERGE_CONFIG = 'merge.json';

/** Line on standard output with which it says that it reads its topics. */
export const MERGE_READY = 'doorbuster-merge-ready';

interface MergeOptions extends SessionOptions {
  /** The argument of `MergeJob.java`. `internal`: see LaunchContext. */
  readonly config: (internal: boolean) => object;
}

/** A Spark process that merges topics into tables until it is killed: see `MergeJob.java`. */
export function sparkMergeJob(
  { port, token, threads, heapMiB = HEAP_MIB, jit = 'full', config }: MergeOptions,
  endpoints: Endpoints,
): SparkProgram {
  const program = sparkProgram(endpoints, {
    ...{ name: 'spark-merge', appName: 'doorbuster-merge', threads, heapMiB, jit, ports: [port] },
    files: (internal) => ({
      [`${MERGE_CLASS}.java`]: readFileSync(MERGE_SOURCE, 'utf8'),
      [MERGE_CONFIG]: JSON.stringify(config(internal)),
    }),
    options: (internal) => ({
      ...listening(internal, port, token),
      // Otherwise a merge does not see rows that others have written meanwhile, such as the opening stock.
      ...NOT_CACHED,
      'spark.sql.extensions': ICEBERG_EXTENSIONS,
      'spark.sql.shuffle.partitions': String(threads),
      // A plan for two small shuffles costs more than it saves.
      'spark.sql.adaptive.enabled': 'false',
    }),
    main: (dir) => [...compiledBy(dir, MERGE_CLASS), join(dir, MERGE_CONFIG)],
  });
  return { ...program, untilKilled: true };
}

/** Modules that Spark needs open on Java 17; Spark's own launcher passes the same. */
const OPENS = [
  'java.base/java.lang',
  'java.base/java.lang.invoke',
  'java.base/java.lang.reflect',
  'java.base/java.io',
  'java.base/java.net',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/sun.nio.ch',
  'java.base/sun.nio.cs',
  'java.base/sun.security.action',
  'java.base/sun.util.calendar',
];

interface ProgramParts {
  /** By default `spark`. */
  readonly name?: 'spark' | 'spark-merge';
  readonly appName: string;
  readonly threads: number;
  readonly heapMiB: number;
  readonly jit: Jit;
  readonly ports: readonly number[];
  readonly files: (internal: boolean) => Readonly<Record<string, string>>;
  /** System properties, which only this user can read; `internal`: see LaunchContext. */
  readonly options: (internal: boolean) => Readonly<Record<string, string>>;
  /** Main class and arguments, by the program's folder. */
  readonly main: (dir: string) => readonly string[];
}

function sparkProgram(endpoints: Endpoints, parts: ProgramParts): SparkProgram {
  const { name = 'spark', ports, heapMiB, files, options } = parts;
  return {
    name,
    memoryMiB: heapMiB + BEYOND_HEAP_MIB,
    ports,
    files: ({ internal }) => ({
      ...files(internal),
      [OPTIONS]: optionsFile({ ...catalogOptions(endpoints, internal), ...options(internal) }),
    }),
    command: (at) => commandOf(at, endpoints, parts),
  };
}

function catalogOptions({ catalog, s3, internal }: Endpoints, amongServers: boolean) {
  const to = amongServers ? internal : { catalog: catalog.uri, s3: s3.endpoint };
  const properties = catalogProperties(catalog, { ...to, region: s3.region });
  return Object.fromEntries(
    Object.entries(properties).map(([key, value]) => [`spark.sql.catalog.ice.${key}`, value]),
  );
}

/** System properties as an argument file of the Java launcher. */
function optionsFile(properties: Readonly<Record<string, string>>): string {
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return Object.entries(properties)
    .map(([key, value]) => `"-D${key}=${escaped(value)}"\n`)
    .join('');
}

function commandOf(
  { java, artifacts, dir }: LaunchContext,
  { s3 }: Endpoints,
  { name, appName, threads, heapMiB, jit, main }: ProgramParts,
) {
  const conf: Readonly<Record<string, string>> = {
    'spark.master': `local[${threads}]`,
    'spark.app.name': appName,
    'spark.driver.host': HOST,
    'spark.driver.bindAddress': HOST,
    'spark.ui.enabled': 'false',
    'spark.local.dir': dir,
    'spark.sql.warehouse.dir': join(dir, 'warehouse'),
    'spark.sql.catalogImplementation': 'in-memory',
    'spark.sql.shuffle.partitions': '2',
    'spark.sql.catalog.ice': 'org.apache.iceberg.spark.SparkCatalog',
    'spark.sql.catalog.ice.type': 'rest',
  };
  const args = [
    `-Xmx${heapMiB}m`,
    ...DATA_PLANE[jit],
    // The default with jit c1: 48 MB, which the code of many micro-batches fills; then nothing is compiled any more.
    '-XX:ReservedCodeCacheSize=240m',
    '-Djava.net.preferIPv4Stack=true',
    // Killed, it leaves what its libraries unpack: in its folder, which is removed, and not in the machine's.
    `-Djava.io.tmpdir=${dir}`,
    '-XX:+PerfDisableSharedMem',
    `-Dderby.system.home=${dir}`,
    ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    ...Object.entries(conf).map(([key, value]) => `-D${key}=${value}`),
    `@${join(dir, OPTIONS)}`,
    '-cp',
    name === 'spark-merge' ? artifacts.sparkMergeClasspath : artifacts.sparkClasspath,
    ...main(dir),
  ];
  // Credentials go into the environment or a file, because other users can read a command line.
  const env = {
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    ...(s3.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: s3.sessionToken }),
    AWS_REGION: s3.region,
    // Otherwise its driver would listen on every address.
    SPARK_LOCAL_IP: HOST,
  };
  return { program: java, args, env };
}
