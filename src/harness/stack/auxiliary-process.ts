import type { ServerFiles } from '../setup/artifacts.ts';
import type { Command, Image } from './components/component.ts';

/** A program that works beside the servers for a while, and is none: the engine that compacts. */
export interface AuxiliaryProcess {
  /** What its process, its image and its archive of classes are called. */
  readonly name: Extract<Image, 'spark'>;
  /** All that it may take in a container, MiB. */
  readonly memoryMiB: number;
  /** Files that it finds in its folder, by name; nobody else on this machine may read them. */
  files(at: Pick<LaunchContext, 'internal'>): Readonly<Record<string, string>>;
  command(at: LaunchContext): Command;
  /** Told every line of its standard output. */
  readonly onLine: (line: string) => void;
  /** Gets what it says otherwise. */
  readonly log: string;
}

/** What the command line of such a program is a function of. */
export interface LaunchContext {
  /** The Java to start it with: a path, or a name to be found on PATH. */
  readonly java: string;
  readonly artifacts: ServerFiles;
  /** It stands among the servers, and calls them as they call each other. */
  readonly internal: boolean;
  /** A folder of its own, for its files and for what it spills. */
  readonly dir: string;
}
