import { join } from 'node:path';
import { catalogProperties } from '../../clients/catalog-options.ts';
import type { Endpoints } from '../../clients/endpoints.ts';
import type { AuxiliaryProcess, LaunchContext } from '../../stack/auxiliary-process.ts';

const SCRIPT = 'compact.sql';
const CATALOG = 'catalog.options';
/** Heap of the JVM, and its total memory with that of Spark and S3 outside the heap. */
const [HEAP_MIB, MEMORY_MIB] = [1024, 2048];

/** A Spark process that runs one SQL script to its end, with the catalog as `ice`. */
export function sparkScript(
  sql: string,
  endpoints: Endpoints,
): Pick<AuxiliaryProcess, 'name' | 'memoryMiB' | 'files' | 'command'> {
  return {
    name: 'spark',
    memoryMiB: MEMORY_MIB,
    files: ({ internal }) => ({
      [SCRIPT]: sql,
      [CATALOG]: catalogOptions(endpoints, internal),
    }),
    command: (at) => commandOf(at, endpoints),
  };
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

/** JVM options as an argument file of the Java launcher. */
function catalogOptions({ catalog, s3, internal }: Endpoints, amongServers: boolean): string {
  const to = amongServers ? internal : { catalog: catalog.uri, s3: s3.endpoint };
  const properties = catalogProperties(catalog, { ...to, region: s3.region });
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return Object.entries(properties)
    .map(([key, value]) => `"-Dspark.sql.catalog.ice.${key}=${escaped(value)}"\n`)
    .join('');
}

function commandOf({ java, artifacts, dir }: LaunchContext, endpoints: Endpoints) {
  const { s3 } = endpoints;
  const conf: Readonly<Record<string, string>> = {
    'spark.master': 'local[2]',
    'spark.app.name': 'doorbuster-compaction',
    'spark.driver.host': '127.0.0.1',
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.ui.enabled': 'false',
    'spark.local.dir': dir,
    'spark.sql.warehouse.dir': join(dir, 'warehouse'),
    'spark.sql.catalogImplementation': 'in-memory',
    'spark.sql.shuffle.partitions': '2',
    'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
    'spark.sql.catalog.ice': 'org.apache.iceberg.spark.SparkCatalog',
    'spark.sql.catalog.ice.type': 'rest',
  };
  const args = [
    `-Xmx${HEAP_MIB}m`,
    '-Djava.net.preferIPv4Stack=true',
    `-Dderby.system.home=${dir}`,
    ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    ...Object.entries(conf).map(([key, value]) => `-D${key}=${value}`),
    `@${join(dir, CATALOG)}`,
    '-cp',
    artifacts.sparkClasspath,
    'org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver',
    '-f',
    join(dir, SCRIPT),
  ];
  // Credentials go into the environment or a file, because other users can read a command line.
  const env = {
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
    // Otherwise its driver would listen on every address.
    SPARK_LOCAL_IP: '127.0.0.1',
  };
  return { program: java, args, env };
}
