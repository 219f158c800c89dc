import { SERVERS } from '../../core/metrics.ts';
import type { ServerFiles } from '../setup/artifacts.ts';
import type { Jit, ServerName } from './stack.ts';

/** Every port the servers of one stack listen on; all are free ones on 127.0.0.1. */
export const PORTS = [
  'kafka',
  'kafkaInside',
  'kafkaController',
  'minio',
  'catalog',
  'jobmanagerRpc',
  'flinkRest',
  'gateway',
] as const;
export type PortName = (typeof PORTS)[number];
export type Ports = Readonly<Record<PortName, number>>;

/**
 * Loopback by number: a name could resolve to ::1 for one server and to 127.0.0.1 for another. Whatever
 * the runtime, the harness finds every port here.
 */
export const HOST = '127.0.0.1';
export const BUCKET = 'warehouse';
export const REGION = 'us-east-1';

/** How the servers find each other. */
export interface Network {
  /** The address they listen on. */
  readonly bind: string;
  /** What each is called by the others. */
  readonly names: Readonly<Record<ServerName, string>>;
}

/** All in one network namespace, which is the harness's too. */
export const LOOPBACK: Network = {
  bind: HOST,
  names: Object.fromEntries(SERVERS.map((server) => [server, HOST])) as Network['names'],
};

/** Made anew for every stack. */
interface Secrets {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Kafka's cluster id: 16 random bytes in URL-safe base64. */
  readonly clusterId: string;
}

/** Everything that the files and commands of the servers are a function of. */
export interface Plan {
  /** Those that run, in the order of need. */
  readonly servers: readonly ServerName[];
  readonly ports: Ports;
  readonly network: Network;
  readonly secrets: Secrets;
  /** As the servers find them: in the cache, or in their image. */
  readonly artifacts: ServerFiles;
  /** The Java to start servers with: a path, or a name to be found on PATH. */
  readonly java: string;
  /** Data, configuration and temporary files; removed when the stack stops. */
  readonly workDir: string;
  /** One log per server; kept. */
  readonly logDir: string;
  readonly jit: Jit;
  readonly flink: { readonly taskSlots: number; readonly checkpointEveryMs: number };
}
