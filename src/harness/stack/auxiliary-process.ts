import type { ServerFiles } from '../setup/artifacts.ts';
import type { Program } from '../setup/needs.ts';
import type { Command } from './components/component.ts';

/** A program that runs next to the servers for a while, such as the compaction engine or a query engine. */
export interface AuxiliaryProcess {
  /** Name of its process, its class archive and its image, where it has one. */
  readonly name: Program;
  /** Memory limit in a container, MiB. */
  readonly memoryMiB: number;
  /** Ports of this machine on which it listens, see `freePort`. */
  readonly ports?: readonly number[];
  /** Whether it runs until it is killed: its JVM then writes no class archive. */
  readonly untilKilled?: boolean;
  /** Files in its folder, by name; only this user may read them. */
  files(at: Pick<LaunchContext, 'internal'>): Readonly<Record<string, string>>;
  command(at: LaunchContext): Command;
  /** Called with every line of its standard output. */
  readonly onLine: (line: string) => void;
  /** File for its other output. */
  readonly log: string;
}

/** Input of an auxiliary process's command line. */
export interface LaunchContext {
  /** The Java to start it with: a path, or a name on PATH. */
  readonly java: string;
  readonly artifacts: ServerFiles;
  /** Whether it runs in the servers' network and uses their internal addresses. */
  readonly internal: boolean;
  /** Its own folder, for its files and for spilling. */
  readonly dir: string;
}
