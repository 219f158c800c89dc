import { SERVERS } from '../../core/metrics.ts';
import type { ServerFiles } from '../setup/artifacts.ts';
import type { PostgresPrograms } from '../setup/postgres.ts';
import type { Jit, ServerName } from './stack.ts';

/** Every port on which the servers of one stack listen; all are free ports on 127.0.0.1. */
export const PORTS = [
  'kafka',
  'kafkaInside',
  'kafkaController',
  'minio',
  'catalog',
  'jobmanagerRpc',
  'flinkRest',
  'gateway',
  'redis',
  'connect',
  'postgres',
] as const;
export type PortName = (typeof PORTS)[number];
export type Ports = Readonly<Record<PortName, number>>;

/**
 * Loopback as a number, because a name could resolve to ::1 for one server and to 127.0.0.1 for another. The harness
 * uses this address in every runtime.
 */
export const HOST = '127.0.0.1';
export const BUCKET = 'warehouse';
export const REGION = 'us-east-1';

/** Addresses by which the servers reach each other. */
export interface Network {
  /** The address they listen on. */
  readonly bind: string;
  /** Name of each server for the others. */
  readonly names: Readonly<Record<ServerName, string>>;
}

/** All servers in the harness's network namespace. */
export const LOOPBACK: Network = {
  bind: HOST,
  names: Object.fromEntries(SERVERS.map((server) => [server, HOST])) as Network['names'],
};

/** Secrets, generated for every stack. */
interface Secrets {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Kafka's cluster id: 16 random bytes in URL-safe base64. */
  readonly clusterId: string;
}

/** Settings of the worker of Kafka Connect, which are those of all its connectors. */
export interface ConnectSettings {
  readonly offsetFlushMs: number;
}

/** Input of the servers' files and commands. */
export interface Plan {
  /** The servers that run, dependencies first. */
  readonly servers: readonly ServerName[];
  readonly ports: Ports;
  readonly network: Network;
  readonly secrets: Secrets;
  /** Paths as the servers see them: in the cache, or in their image. */
  readonly artifacts: ServerFiles;
  /** The Java that starts servers: a path, or a name on PATH. */
  readonly java: string;
  readonly postgres: PostgresPrograms;
  /** Data, configuration and temporary files; removed when the stack stops. */
  readonly workDir: string;
  /** One log per server; kept. */
  readonly logDir: string;
  readonly jit: Jit;
  readonly flink: { readonly taskSlots: number; readonly checkpointEveryMs: number };
  /** Absent: Connect's defaults. */
  readonly connect?: ConnectSettings | undefined;
}
