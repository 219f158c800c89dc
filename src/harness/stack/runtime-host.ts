import type { AuxiliaryProcess } from './auxiliary-process.ts';
import type { Command } from './components/component.ts';
import type { PersistedStack } from './persisted-stack.ts';
import type { Plan } from './plan.ts';
import type { Launched } from './server.ts';
import type { ServerName } from './stack.ts';

/** Everything that differs between the runtimes that start servers. */
export interface RuntimeHost {
  /** The part of the plan that depends on the runtime. */
  readonly plan: Pick<Plan, 'network' | 'artifacts' | 'java' | 'postgres' | 'workDir' | 'logDir'>;
  /** The registry's file with the ports; `takePorts` replaces them. */
  readonly leasePath: string;
  takePorts(ports: readonly number[]): void;
  /** Creates the folders and files of every server. */
  writeFiles(plan: Plan): Promise<void>;
  /** Starts a program of a server; with `capture`, its output is kept instead of logged. */
  launch(server: ServerName, command: Command, capture: boolean): Promise<Launched>;
  /** Starts an auxiliary program with its own lease; everything of it is removed at its end. */
  launchAuxiliary(program: AuxiliaryProcess): Promise<Launched>;
  /** To be called when a launched program has ended. */
  ended(launched: Launched): Promise<void>;
  /** Removes everything; to be called after the last program has ended. */
  remove(): Promise<void>;
  /** Everything that is needed to attach to it. */
  attachInfo(): Pick<PersistedStack, 'session' | 'images' | 'servers'>;
  /** Gives up ownership: everything keeps running, and is registered elsewhere. */
  detach(): void;
}

/** A host of servers that another process started. */
export interface AttachedHost extends RuntimeHost {
  /** The servers that still run. */
  readonly running: ReadonlyMap<ServerName, Launched>;
}
