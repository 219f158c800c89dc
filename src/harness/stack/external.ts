import { connect } from 'node:net';
import { z } from 'zod';
import { badInput, DoorbusterError } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { limitedSignal } from '../../core/limited-signal.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import { EXTERNAL_TERMS } from '../../scenario/schema-external.ts';
import type { CatalogAuth, Endpoints } from '../clients/endpoints.ts';
import { type Body, httpRequest, jsonOf } from '../clients/http.ts';
import { fetchToken, type OAuth2, restCatalog } from '../clients/rest-catalog.ts';
import { openBucket } from '../clients/s3.ts';
import type { ServerFiles } from '../setup/artifacts.ts';
import { checkKafka, kafkaSecurityOf } from './external-kafka.ts';
import { launchAuxiliary } from './processes.ts';
import type { Stack } from './stack.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A secret that a header or a command line can contain. */
const secret = z
  .string()
  .regex(/^[^\p{Cc}]+$/u, { error: 'must be one line, with no control characters in it' });

/** Format of each variable, as under `stack.external`. A message never contains the value. */
const VARIABLE_FORMATS = {
  kafka: EXTERNAL_TERMS.servers,
  kafkaCa: EXTERNAL_TERMS.file,
  username: secret,
  password: secret,
  flink: EXTERNAL_TERMS.url,
  gateway: EXTERNAL_TERMS.url,
  catalog: EXTERNAL_TERMS.url,
  warehouse: EXTERNAL_TERMS.word,
  endpoint: EXTERNAL_TERMS.url,
  bucket: EXTERNAL_TERMS.word,
  region: EXTERNAL_TERMS.word,
  accessKeyId: secret,
  secretAccessKey: secret,
  sessionToken: secret,
  token: secret,
  credential: secret,
} as const satisfies Readonly<Record<keyof typeof VARIABLES, z.ZodType<string>>>;

/** Variables for what a scenario may leave out, and for secrets, which only the environment has. */
const VARIABLES = {
  kafka: 'DOORBUSTER_KAFKA',
  kafkaCa: 'DOORBUSTER_KAFKA_CA',
  username: 'DOORBUSTER_KAFKA_USERNAME',
  password: 'DOORBUSTER_KAFKA_PASSWORD',
  flink: 'DOORBUSTER_FLINK',
  gateway: 'DOORBUSTER_GATEWAY',
  catalog: 'DOORBUSTER_CATALOG',
  warehouse: 'DOORBUSTER_WAREHOUSE',
  endpoint: 'DOORBUSTER_S3',
  bucket: 'DOORBUSTER_S3_BUCKET',
  region: 'AWS_REGION',
  accessKeyId: 'AWS_ACCESS_KEY_ID',
  secretAccessKey: 'AWS_SECRET_ACCESS_KEY',
  sessionToken: 'AWS_SESSION_TOKEN',
  token: 'DOORBUSTER_CATALOG_TOKEN',
  credential: 'DOORBUSTER_CATALOG_CREDENTIAL',
} as const;

const DEFAULT_REGION = 'us-east-1';

/**
 * Addresses of the servers, from the scenario or else from the environment. Throws DoorbusterError (exit 2) with
 * everything that both lack, and every variable that would be invalid in the scenario.
 */
export function externalEndpoints(use: ExternalUse, env: Environment = process.env): Endpoints {
  const missing: string[] = [];
  const wrong: string[] = [];
  const exported = (name: keyof typeof VARIABLES): string | undefined => {
    const value = env[VARIABLES[name]];
    if (!value) return undefined;
    const problem = VARIABLE_FORMATS[name].safeParse(value).error?.issues[0]?.message;
    if (problem !== undefined) wrong.push(`${VARIABLES[name]} ${problem}`);
    return value;
  };
  const resolved = (
    given: string | null,
    name: keyof typeof VARIABLES,
    key: string | null,
  ): string => {
    const value = given ?? exported(name);
    if (value !== undefined) return value;
    missing.push(key === null ? VARIABLES[name] : `${key} (or ${VARIABLES[name]})`);
    return '';
  };
  const { catalog, s3, inside: internal } = use;
  const brokers = resolved(use.kafka, 'kafka', 'kafka');
  const flink = {
    rest: resolved(use.flink, 'flink', 'flink'),
    gateway: resolved(use.gateway, 'gateway', 'gateway'),
  };
  const uri = resolved(catalog.uri, 'catalog', 'catalog.uri');
  const auth = authOf(use, uri, (name) => resolved(null, name, null));
  const security = kafkaSecurityOf(use.kafkaSecurity, {
    ca: () => exported('kafkaCa'),
    username: () => resolved(null, 'username', null),
    password: () => resolved(null, 'password', null),
  });
  const sessionToken = exported('sessionToken');
  const endpoints: Endpoints = {
    kafka: { brokers: brokers.split(','), ...(security === undefined ? {} : { security }) },
    s3: {
      endpoint: resolved(s3.endpoint, 'endpoint', 's3.endpoint'),
      region: s3.region ?? exported('region') ?? DEFAULT_REGION,
      bucket: resolved(s3.bucket, 'bucket', 's3.bucket'),
      accessKeyId: resolved(null, 'accessKeyId', null),
      secretAccessKey: resolved(null, 'secretAccessKey', null),
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    catalog: {
      uri,
      warehouse: resolved(catalog.warehouse, 'warehouse', 'catalog.warehouse'),
      auth,
    },
    flink,
    connect: null,
    redis: null,
    postgres: null,
    internal: {
      brokers: (internal.kafka ?? brokers).split(','),
      s3: internal.s3 ?? resolved(s3.endpoint, 'endpoint', 's3.endpoint'),
      catalog: internal.catalog ?? uri,
    },
  };
  if (wrong.length > 0) {
    throw badInput(
      [...new Set(wrong)].join('; '),
      'unset it, or export it again; its value is not printed, since it may hold a password',
    );
  }
  if (missing.length === 0) return endpoints;
  throw badInput(
    `runtime: external needs these addresses: ${[...new Set(missing)].join(', ')}`,
    'write them under stack.external, or export the variables; a secret can only be exported',
  );
}

function authOf(
  { catalog: { auth, tokenUri, scope } }: ExternalUse,
  uri: string,
  secret: (name: 'token' | 'credential') => string,
): CatalogAuth {
  if (auth === 'none') return { kind: 'none' };
  if (auth === 'bearer') return { kind: 'bearer', token: secret('token') };
  const [id = '', ...rest] = secret('credential').split(':');
  if (id !== '' && rest.length === 0) {
    throw badInput(
      `${VARIABLES.credential} is not an id and a secret with a colon between them`,
      `export ${VARIABLES.credential}=id:secret`,
    );
  }
  // The catalog's own token endpoint, the default of the protocol.
  const own = `${uri.replace(/\/$/, '')}/v1/oauth/tokens`;
  return { kind: 'oauth2', id, secret: rest.join(':'), tokenUri: tokenUri ?? own, scope };
}

/**
 * A stack of running servers: they are checked, and never started or stopped. Throws DoorbusterError (exit 2) for a
 * server that does not answer, is another kind of server, or refuses a credential.
 */
export async function connectExternal(
  use: ExternalUse,
  {
    signal,
    artifacts,
    env,
  }: {
    readonly signal: AbortSignal;
    readonly artifacts: ServerFiles;
    readonly env?: Environment;
  },
): Promise<Stack> {
  const endpoints = externalEndpoints(use, env);
  const [, flink] = await Promise.all([
    checkKafka(endpoints.kafka, (what) => silent(endpoints.kafka.brokers, what, VARIABLES.kafka)),
    checkFlink(endpoints, signal),
    checkGateway(endpoints, signal),
    checkCatalog(endpoints, signal),
    checkStore(endpoints, signal),
  ]);
  const never = () => Promise.reject(new Error('external servers are not managed by doorbuster'));
  return {
    runtime: 'external',
    servers: null,
    endpoints,
    versions: { flink },
    processes: () => [],
    // The servers are not supervised; the jobs are, and failed requests end the run.
    broken: new AbortController().signal,
    inProcess: null,
    missing: () => [],
    classArchives: () => ({}),
    stateDir: null,
    launch: (program) => launchAuxiliary(artifacts, program),
    injectOutage: never,
    restore: never,
    keep: never,
    stop: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Answer to a request that only the right kind of server can answer. */
async function checkedAnswer(
  url: string,
  what: string,
  variable: string,
  { signal, read }: { readonly signal: AbortSignal; readonly read: (body: Body) => unknown },
): Promise<string> {
  const answer = await httpRequest(url, { signal: within(signal) }).catch(() => null);
  signal.throwIfAborted();
  const found = answer?.ok ? read(jsonOf(answer.text)) : undefined;
  if (typeof found === 'string') return found;
  throw await silent([serverOf(url)], what, variable);
}

const ANSWER_WITHIN_MS = 10_000;

/** A server that accepts a connection and stays silent does not answer. */
function within(signal: AbortSignal): AbortSignal {
  return limitedSignal(signal, ANSWER_WITHIN_MS);
}

async function checkFlink({ flink: { rest } }: Endpoints, signal: AbortSignal): Promise<string> {
  const read = (body: Body) => body['flink-version'];
  const version = await checkedAnswer(
    `${rest}/overview`,
    "Flink's REST interface",
    VARIABLES.flink,
    {
      signal,
      read,
    },
  );
  await checkSavepoints(rest, signal);
  return version;
}

const SAVEPOINTS = ['execution.checkpointing.savepoint-dir', 'state.savepoints.dir'];

/** A run ends its jobs with a savepoint: without a savepoint folder it would fail after its whole load. */
async function checkSavepoints(rest: string, signal: AbortSignal): Promise<void> {
  const answer = await httpRequest(`${rest}/jobmanager/config`, { signal: within(signal) }).catch(
    () => null,
  );
  const entries = answer?.ok ? jsonOf(answer.text) : null;
  // Some clusters do not expose their configuration.
  if (!Array.isArray(entries)) return;
  if (entries.some((entry: Body) => SAVEPOINTS.includes(String(entry.key)))) return;
  throw badInput(
    `the Flink at ${serverOf(rest)} has no folder for savepoints, and a run ends its jobs with one`,
    `${SAVEPOINTS[0]} in its configuration`,
  );
}

function checkGateway({ flink: { gateway } }: Endpoints, signal: AbortSignal): Promise<string> {
  const read = (body: Body) => body.productName;
  return checkedAnswer(`${gateway}/v1/info`, "Flink's SQL Gateway", VARIABLES.gateway, {
    signal,
    read,
  });
}

async function checkCatalog({ catalog }: Endpoints, signal: AbortSignal): Promise<void> {
  if (catalog.auth.kind === 'oauth2') await checkToken(catalog.auth, signal);
  const answer = await restCatalog(catalog)
    .request('GET', '/namespaces', within(signal))
    .catch((error: unknown) => {
      signal.throwIfAborted();
      // A refused credential is the catalog's own error; with any other error it is no catalog.
      if (error instanceof DoorbusterError && error.exitCode === EXIT.badInput) throw error;
      return null;
    });
  if (answer !== null && Array.isArray(jsonOf(answer.text).namespaces)) return;
  throw await silent([serverOf(catalog.uri)], 'an Iceberg REST catalog', VARIABLES.catalog);
}

/** Checks the token endpoint, which may be another server than the catalog. */
async function checkToken(auth: OAuth2, signal: AbortSignal): Promise<void> {
  try {
    await fetchToken(auth, within(signal));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DoorbusterError && error.exitCode === EXIT.badInput) throw error;
    throw await silent([serverOf(auth.tokenUri)], 'an OAuth2 server', 'catalog.token_uri there');
  }
}

/** Temporary keys of an object store are these three. */
const KEYS = ['accessKeyId', 'secretAccessKey', 'sessionToken'] as const;

async function checkStore({ s3 }: Endpoints, signal: AbortSignal): Promise<void> {
  using bucket = openBucket(s3);
  const at = serverOf(s3.endpoint);
  const refusal = await bucket.answers(within(signal)).then(
    (yes) => (yes ? null : ''),
    (error: Error) => error.name,
  );
  signal.throwIfAborted();
  if (refusal === null) return;
  if (/ExpiredToken|TokenRefreshRequired/.test(refusal)) {
    throw badInput(
      `the object store ${at} refuses the temporary keys, which have expired: ${refusal}`,
      `export ${KEYS.map((name) => `${VARIABLES[name]}=…`).join(' ')}   # new ones`,
    );
  }
  if (/InvalidToken/.test(refusal)) {
    const has = s3.sessionToken !== undefined;
    throw badInput(
      `the object store ${at} refuses ${VARIABLES.sessionToken}: ${refusal}`,
      has
        ? `export all of ${KEYS.map((name) => VARIABLES[name]).join(', ')} again, or unset the last for permanent keys`
        : `export ${VARIABLES.sessionToken}=…   # temporary keys need it`,
    );
  }
  if (/InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden/.test(refusal)) {
    throw badInput(
      `the object store ${at} refuses ${VARIABLES.accessKeyId} and ${VARIABLES.secretAccessKey}: ${refusal}`,
      `export ${VARIABLES.accessKeyId}=… ${VARIABLES.secretAccessKey}=…`,
    );
  }
  if (refusal === 'NoSuchBucket') {
    throw badInput(
      `the object store ${at} has no bucket ${s3.bucket}`,
      `stack.external.s3.bucket, or ${VARIABLES.bucket}`,
    );
  }
  throw await silent([at], 'S3', VARIABLES.endpoint);
}

/** Why a server does not answer correctly: no program listens, or another kind of server does. */
async function silent(
  servers: readonly string[],
  what: string,
  variable: string,
): Promise<DoorbusterError> {
  const at = servers.join(', ');
  const listening = await Promise.all(servers.map(listens));
  return badInput(
    listening.includes(true) ? `what answers at ${at} is not ${what}` : `nothing answers at ${at}`,
    `its address is under stack.external, or ${variable}`,
  );
}

/** Host and port of a URL, including a default port. */
function serverOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

function listens(server: string): Promise<boolean> {
  const { hostname: host, port } = new URL(`http://${server}`);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port || 80), timeout: 3_000 });
    const settle = (heard: boolean) => {
      socket.destroy();
      resolve(heard);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
