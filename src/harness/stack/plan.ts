import type { Artifacts } from '../setup/artifacts.ts';
import type { Jit } from './stack.ts';

/** Every port the servers of one stack listen on; all are free ones on 127.0.0.1. */
export const PORTS = [
  'kafka',
  'kafkaController',
  'minio',
  'catalog',
  'jobmanagerRpc',
  'flinkRest',
  'gateway',
] as const;
export type PortName = (typeof PORTS)[number];
export type Ports = Readonly<Record<PortName, number>>;

/** Loopback by number: a name could resolve to ::1 for one server and to 127.0.0.1 for another. */
export const HOST = '127.0.0.1';
export const BUCKET = 'warehouse';
export const REGION = 'us-east-1';

/** Made anew for every stack. */
interface Secrets {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Kafka's cluster id: 16 random bytes in URL-safe base64. */
  readonly clusterId: string;
}

/** Everything that the files and commands of the servers are a function of. */
export interface Plan {
  readonly ports: Ports;
  readonly secrets: Secrets;
  readonly artifacts: Artifacts;
  /** The Java to start servers with: a path, or a name to be found on PATH. */
  readonly java: string;
  /** Data, configuration and temporary files; removed when the stack stops. */
  readonly workDir: string;
  /** One log per server; kept. */
  readonly logDir: string;
  readonly jit: Jit;
  readonly flink: { readonly taskSlots: number; readonly checkpointEveryMs: number };
}
