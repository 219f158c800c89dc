import type { Plan, PortName } from '../plan.ts';
import type { ServerName } from '../stack.ts';

/** A program with its arguments, and what it finds in its environment besides the common part. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * When a server counts as ready: `says` judges the body of a 200. Of one that is started again, `earlier` is
 * the body that said so before: another server may go on answering for the one that has ended.
 */
export type Readiness =
  | {
      readonly kind: 'http';
      readonly port: PortName;
      readonly path: string;
      readonly says?: (body: string, earlier: string | null) => boolean;
    }
  | { readonly kind: 'kafka'; readonly port: PortName };

/** The targets of docker/Dockerfile. */
export type Image = 'kafka' | 'minio' | 'catalog' | 'flink' | 'spark';

/** A server as data: what it needs, where it listens, what it reads and how it starts. Pure functions of the plan. */
export interface Component {
  /** The image it comes in, where it runs in a container. */
  readonly image: Image;
  /** All that it may take there, MiB. */
  readonly memoryMiB: number;
  /** Servers that must be ready before this one is started. */
  readonly needs: readonly ServerName[];
  readonly ports: readonly PortName[];
  /** Folders that must exist, and files by path. */
  dirs(plan: Plan): readonly string[];
  files(plan: Plan): Readonly<Record<string, string>>;
  /** A command that runs to its end first; what it prints is handed to `command`. */
  prepare?(plan: Plan): Command;
  command(plan: Plan, prepared: string): Command;
  ready(plan: Plan): Readiness;
}
