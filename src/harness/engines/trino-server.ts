import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { badInput } from '../../core/errors.ts';
import type { CatalogAuth, Endpoints } from '../clients/endpoints.ts';
import { packageRoot } from '../entry.ts';
import { lockedArtifact, readLock } from '../setup/lock.ts';
import { trinoJavaCommand } from '../setup/trino-java.ts';
import type { AuxiliaryProcess, LaunchContext } from '../stack/auxiliary-process.ts';
import { DATA_PLANE } from '../stack/components/jvm.ts';
import { HOST } from '../stack/plan.ts';
import type { Jit } from '../stack/stack.ts';

/** Line on standard output with which it says that it can be used. */
export const TRINO_READY = 'doorbuster-trino-ready';

const SOURCE = 'TrinoServer.java';
const SERVER = 'trino.config';
const KEY = 'jwt.key';
const HEAP_MIB = 1024;
/** Memory for buffers, code and S3 outside the heap. */
const BEYOND_HEAP_MIB = 1024;

interface TrinoServerOptions {
  /** Port on this machine's loopback. */
  readonly port: number;
  /** Secret with which requests are signed, in base64; at least 256 bits. */
  readonly key: string;
  readonly threads: number;
  readonly heapMiB?: number;
  readonly jit?: Jit;
}

/**
 * A Trino server, coordinator and worker in one, that runs until it is killed, with the catalog as `ice`. It accepts
 * requests that are signed with the key, and no others.
 */
export function trinoServer(
  { port, key, threads, heapMiB = HEAP_MIB, jit = 'full' }: TrinoServerOptions,
  endpoints: Endpoints,
): Omit<AuxiliaryProcess, 'onLine' | 'log'> {
  return {
    name: 'trino',
    memoryMiB: heapMiB + BEYOND_HEAP_MIB,
    ports: [port],
    untilKilled: true,
    files: () => ({
      [SOURCE]: readFileSync(join(packageRoot, 'src/topology/java/trino', SOURCE), 'utf8'),
      [SERVER]: propertiesFile(serverProperties(port, threads)),
      [KEY]: key,
      // The only file of this ending: each is a catalog with its name.
      'ice.properties': propertiesFile(catalogOf(endpoints)),
    }),
    command(at) {
      requireTrino(at);
      return {
        program: trinoJavaCommand(),
        args: argumentsOf(at, [`-Xmx${heapMiB}m`, ...DATA_PLANE[jit]]),
        env: temporaryKeys(endpoints),
      };
    },
  };
}

function serverProperties(port: number, threads: number): Readonly<Record<string, string>> {
  return {
    'node.environment': 'doorbuster',
    'node.id': randomUUID(),
    // Otherwise it would listen on every address.
    'node.bind-ip': HOST,
    'node.internal-address': HOST,
    coordinator: 'true',
    'node-scheduler.include-coordinator': 'true',
    'discovery.uri': `http://${HOST}:${port}`,
    'http-server.http.port': String(port),
    'http-server.log.enabled': 'false',
    'http-server.authentication.type': 'JWT',
    'http-server.authentication.allow-insecure-over-http': 'false',
    // Trino checks signatures of requests by HTTPS only; those that say they were forwarded count as such.
    'http-server.process-forwarded': 'true',
    'internal-communication.shared-secret': randomBytes(32).toString('base64'),
    'web-ui.enabled': 'false',
    'task.concurrency': String(2 ** Math.floor(Math.log2(threads))),
    'task.max-worker-threads': String(threads),
  };
}

function catalogOf({ catalog, s3 }: Endpoints): Readonly<Record<string, string>> {
  const auth = AUTHS[catalog.auth.kind] as (auth: CatalogAuth) => Readonly<Record<string, string>>;
  return {
    'connector.name': 'iceberg',
    'iceberg.catalog.type': 'rest',
    'iceberg.rest-catalog.uri': catalog.uri,
    'iceberg.rest-catalog.warehouse': catalog.warehouse,
    'iceberg.rest-catalog.vended-credentials-enabled': 'false',
    ...auth(catalog.auth),
    'fs.s3.enabled': 'true',
    's3.endpoint': s3.endpoint,
    's3.region': s3.region,
    's3.path-style-access': 'true',
    ...(s3.sessionToken === undefined
      ? { 's3.aws-access-key': s3.accessKeyId, 's3.aws-secret-key': s3.secretAccessKey }
      : {}),
  };
}

/** Trino has no property for a session token: temporary keys are found where AWS's own library searches them. */
function temporaryKeys({ s3 }: Endpoints): Readonly<Record<string, string>> {
  if (s3.sessionToken === undefined) return {};
  return {
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_SESSION_TOKEN: s3.sessionToken,
  };
}

const OAUTH2 = { 'iceberg.rest-catalog.security': 'OAUTH2' };

const AUTHS: {
  readonly [K in CatalogAuth['kind']]: (
    auth: Extract<CatalogAuth, { kind: K }>,
  ) => Readonly<Record<string, string>>;
} = {
  none: () => ({}),
  bearer: ({ token }) => ({ ...OAUTH2, 'iceberg.rest-catalog.oauth2.token': token }),
  oauth2: ({ id, secret, tokenUri, scope }) => ({
    ...OAUTH2,
    'iceberg.rest-catalog.oauth2.credential': `${id}:${secret}`,
    'iceberg.rest-catalog.oauth2.server-uri': tokenUri,
    ...(scope === null ? {} : { 'iceberg.rest-catalog.oauth2.scope': scope }),
  }),
};

/** A file of Java properties: a backslash in a value is doubled. */
function propertiesFile(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}

function argumentsOf({ artifacts, dir }: LaunchContext, jvm: readonly string[]): readonly string[] {
  const properties: Readonly<Record<string, string>> = {
    config: join(dir, SERVER),
    'node.data-dir': dir,
    'catalog.config-dir': dir,
    'plugin.dir': join(dir, 'plugin'),
    'http-server.authentication.jwt.key-file': join(dir, KEY),
    'java.io.tmpdir': join(dir, 'tmp'),
    'doorbuster.iceberg': artifacts.trinoIceberg,
    'doorbuster.version': lockedArtifact(readLock(), 'trino').version,
  };
  return [
    ...jvm,
    // Trino is tested with it, and Java takes another one on small machines.
    '-XX:+UseG1GC',
    '-XX:+ExitOnOutOfMemoryError',
    '--add-modules=jdk.incubator.vector',
    '--enable-native-access=ALL-UNNAMED',
    '--sun-misc-unsafe-memory-access=allow',
    ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
    '-cp',
    artifacts.trinoClasspath,
    join(dir, SOURCE),
  ];
}

/** Checks that Trino's jars exist. */
function requireTrino({ artifacts }: LaunchContext): void {
  const missing = [dirname(artifacts.trinoClasspath), artifacts.trinoIceberg].find(
    (dir) => !existsSync(dir),
  );
  if (missing === undefined) return;
  throw badInput(
    `Trino is not on this machine: there is no ${missing}`,
    'doorbuster setup --with trino',
  );
}
