import type { Clock } from '../../core/clock.ts';
import type { SERVERS } from '../../core/metrics.ts';
import type { FaultAct, Scenario } from '../../scenario/scenario.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import type { ArtifactSource } from '../setup/artifact-source.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import type { InProcessStore } from './in-process.ts';
import type { PersistedStack } from './persisted-stack.ts';
import type { Launched } from './server.ts';

export type ServerName = (typeof SERVERS)[number];

/** A running stack. Whoever started it owns it: `await using`, or stop() in a finally. */
export interface Stack extends AsyncDisposable {
  readonly runtime: RuntimeKind | 'external' | 'in-process';
  /** Those of its servers that were started here, in the order of need; null: none was. */
  readonly servers: readonly ServerName[] | null;
  /** Throws where no server was started. */
  readonly endpoints: Endpoints;
  /** What a pipeline without any server works on; null beside servers. */
  readonly inProcess: InProcessStore | null;
  /** Versions of every server, for the record. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Starts a program beside the servers. Whoever starts it waits for its end, or kills it; with the stack it
   * ends at the latest. Throws DoorbusterError when it cannot be started.
   */
  launch(program: AuxiliaryProcess): Promise<Launched>;
  /** The operating-system processes, for the resource probe. */
  processes(): readonly { readonly server: ServerName; readonly pid: number }[];
  /**
   * Aborts with a DoorbusterError naming the server and its innermost cause as soon as one dies
   * that was not asked to.
   */
  readonly broken: AbortSignal;
  /**
   * Stops or freezes a server, whose absence then breaks nothing. Resolves once it is frozen or has ended; one that is asked to end, and does not in half a minute, is killed.
   */
  injectOutage(server: ServerName, act: FaultAct): Promise<void>;
  /**
   * Resumes a server after an outage, or starts it again on its ports and with its data. Resolves
   * when it answers as it did when it was first ready; rejects with a DoorbusterError when it does not.
   */
  restore(server: ServerName): Promise<void>;
  /**
   * Whether every start so far took its classes from an archive, by server or program beside them; of those that
   * archives are for, and of a stack that was started here.
   */
  classArchives(): Readonly<Record<string, boolean>>;
  /** Servers that are not there, of a stack that was attached to. */
  missing(): readonly ServerName[];
  /**
   * Leaves the stack running when this process ends, under a name by which it is found. `home`, the folder
   * with its data and logs, goes with it in the end.
   */
  keep(as: { readonly name: string; readonly home: string }): Promise<void>;
  /** Folder that Flink writes savepoints and checkpoints to; null: wherever its cluster keeps them. */
  readonly stateDir: string | null;
  /**
   * With `keepClasses`: the servers have been at work, and what their JVMs have loaded is worth keeping
   * for the next start. It takes up to half a minute where nothing has been kept yet.
   */
  stop(options?: { readonly keepClasses?: boolean }): Promise<void>;
}

export type Jit = Scenario['stack']['jit'];

/** What a stack is started with. */
export interface StackOptions {
  /** The run's own folder: data, configuration and logs go beneath it. */
  readonly runDir: string;
  /** Where server data lives while the run lasts (removed at stop); logs stay in runDir. */
  readonly workDir: string;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What to start, each with what it needs itself, in the order of need: see `withNeeds`. */
  readonly servers: readonly ServerName[];
  readonly flink: { readonly taskSlots: number; readonly checkpointEveryMs: number };
  /** How broker and TaskManager are compiled: see the scenario's `stack.jit`. */
  readonly jit: Jit;
  /** What will be started beside the servers: its image is there before the run begins. */
  readonly auxiliary?: readonly AuxiliaryProcess['name'][];
  /** Servers that will be asked to end and started again while others are measured. */
  readonly restarted?: readonly ServerName[];
  /** Told of an image that has to be built first. */
  readonly onBuilding?: (image: string) => void;
  readonly onProgress: (line: {
    readonly server: ServerName;
    readonly state: 'starting' | 'ready' | 'stopped';
    readonly ms: number;
  }) => void;
}

/** What a running stack is attached to with. */
export interface AttachOptions {
  readonly clock: Clock;
  readonly onProgress: StackOptions['onProgress'];
}

/** One way to start the servers. */
export interface Runtime {
  readonly kind: RuntimeKind;
  /** How what it starts is got. Throws DoorbusterError (exit 2) where it cannot be, for want of an engine. */
  artifactSource(): Promise<ArtifactSource>;
  /** The folder that the data of its servers fills; null where it is none of this machine. */
  dataDir(): Promise<string | null>;
  start(options: StackOptions): Promise<Stack>;
  /**
   * Attaches to a persistent stack, with those of its servers that still run. Disposing detaches from it, and it
   * stays up; stopping ends it. No interrupt detaches from it: what is under way on it is finished first.
   */
  attach(kept: PersistedStack, options: AttachOptions): Promise<Stack>;
}

/** One file and one line in the map each. */
export type RuntimeKind = 'processes' | 'containers';
