import type { AuxiliaryProcess } from './auxiliary-process.ts';
import type { Command } from './components/component.ts';
import type { PersistedStack } from './persisted-stack.ts';
import type { Plan } from './plan.ts';
import type { Launched } from './server.ts';
import type { ServerName } from './stack.ts';

/** Where servers run: all that differs between one runtime that starts them and another. */
export interface RuntimeHost {
  /** The part of the plan that follows from it. */
  readonly plan: Pick<Plan, 'network' | 'artifacts' | 'java' | 'workDir' | 'logDir'>;
  /** The file of the registry that holds the ports; `takePorts` replaces them. */
  readonly leasePath: string;
  takePorts(ports: readonly number[]): void;
  /** Makes the folders and files of every server. */
  writeFiles(plan: Plan): Promise<void>;
  /** Starts a program of a server; with `capture`, what it prints is kept instead of logged. */
  launch(server: ServerName, command: Command, capture: boolean): Promise<Launched>;
  /** Starts a program that is no server, on record of its own; once it has ended nothing is left of it. */
  launchAuxiliary(program: AuxiliaryProcess): Promise<Launched>;
  /** A program that was launched has ended. */
  ended(launched: Launched): Promise<void>;
  /** After the last one has: nothing is left. */
  remove(): Promise<void>;
  /** What it takes to find all of it again. */
  traces(): Pick<PersistedStack, 'session' | 'images' | 'servers'>;
  /** Forgets all of it, which goes on: somebody else has it on record. */
  detach(): void;
}

/** A host of servers that another process has started. */
export interface AttachedHost extends RuntimeHost {
  /** Those that still run. */
  readonly running: ReadonlyMap<ServerName, Launched>;
}
