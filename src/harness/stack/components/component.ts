import type { Tool } from '../../setup/prerequisites.ts';
import type { Plan, PortName } from '../plan.ts';
import type { EndSignal } from '../server.ts';
import type { ServerName } from '../stack.ts';

/** A program with its arguments, and its environment besides the common part. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Readiness of a server: `says` judges the body of a 200 response. After a restart, `earlier` is the body from before:
 * another server may still answer for the one that has ended.
 */
export type Readiness =
  | {
      readonly kind: 'http';
      readonly port: PortName;
      readonly path: string;
      readonly says?: (body: string, earlier: string | null) => boolean;
    }
  | { readonly kind: 'kafka'; readonly port: PortName }
  | { readonly kind: 'redis'; readonly port: PortName }
  | { readonly kind: 'postgres'; readonly port: PortName };

/** The targets of docker/Dockerfile. */
export type Image =
  | 'kafka'
  | 'minio'
  | 'catalog'
  | 'flink'
  | 'spark'
  | 'spark-merge'
  | 'redis'
  | 'connect'
  | 'postgres';

/** A server as data: its dependencies, ports, files and command line. Pure functions of the plan. */
export interface Component {
  /** Its image in the containers runtime. */
  readonly image: Image;
  /** The installed program that it is, where it runs as a process; absent if setup fetches its files. */
  readonly tool?: Tool;
  /** Its memory limit there, MiB. */
  readonly memoryMiB: number;
  /** Servers that must be ready before this one is started. */
  readonly needs: readonly ServerName[];
  readonly ports: readonly PortName[];
  /** Folders that must exist, and files by path. */
  dirs(plan: Plan): readonly string[];
  files(plan: Plan): Readonly<Record<string, string>>;
  /** A command that runs to its end first; its output is passed to `command`. */
  prepare?(plan: Plan): Command;
  command(plan: Plan, prepared: string): Command;
  ready(plan: Plan): Readiness;
  /** The signal on which it ends without waiting for its clients; by default SIGTERM. */
  readonly endsBy?: EndSignal;
}
