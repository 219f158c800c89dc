import type { Clock } from '../../core/clock.ts';
import type { SERVERS } from '../../core/metrics.ts';
import type { FaultAct, Scenario } from '../../scenario/scenario.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import type { ArtifactSource } from '../setup/artifact-source.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { AuxiliaryProcess } from './auxiliary-process.ts';
import type { InProcessStore } from './in-process.ts';
import type { PersistedStack } from './persisted-stack.ts';
import type { ConnectSettings } from './plan.ts';
import type { Launched } from './server.ts';

export type ServerName = (typeof SERVERS)[number];

/** A running stack. Its owner ends it: `await using`, or stop() in a finally. */
export interface Stack extends AsyncDisposable {
  readonly runtime: RuntimeKind | 'external' | 'in-process';
  /** The servers that doorbuster started, dependencies first; null: it started none. */
  readonly servers: readonly ServerName[] | null;
  /** Throws if the stack has no servers. */
  readonly endpoints: Endpoints;
  /** Storage of a pipeline without servers; null if there are servers. */
  readonly inProcess: InProcessStore | null;
  /** Versions of every server, for the record. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Starts a program next to the servers. The caller waits for its end or kills it; it ends with the stack at the
   * latest. Throws DoorbusterError if it cannot be started.
   */
  launch(program: AuxiliaryProcess): Promise<Launched>;
  /** The operating-system processes, for the resource probe. */
  processes(): readonly { readonly server: ServerName; readonly pid: number }[];
  /**
   * Aborts with a DoorbusterError, with the server and its innermost cause, as soon as a server exits
   * unexpectedly.
   */
  readonly broken: AbortSignal;
  /**
   * Stops or pauses a server without breaking the stack. Resolves when it is paused or has ended; a server that does not
   * end in half a minute is killed.
   */
  injectOutage(server: ServerName, act: FaultAct): Promise<void>;
  /**
   * Resumes a server after an outage, or restarts it on its ports and with its data. Resolves when it is ready again;
   * rejects with a DoorbusterError if it does not become ready.
   */
  restore(server: ServerName): Promise<void>;
  /**
   * Whether every start so far used a class archive, by server or auxiliary program; only for those that can have one,
   * and for a stack that was started here.
   */
  classArchives(): Readonly<Record<string, boolean>>;
  /** Servers of an attached stack that no longer run. */
  missing(): readonly ServerName[];
  /**
   * Makes the stack persistent under a name: it keeps running when this process ends. `home`, the folder with its data
   * and logs, is removed with it.
   */
  keep(as: { readonly name: string; readonly home: string }): Promise<void>;
  /** Folder of Flink's savepoints and checkpoints; null: the cluster's default. */
  readonly stateDir: string | null;
  /**
   * With `keepClasses` the JVMs write class archives for the next start, which is useful after the servers have worked.
   * It takes up to half a minute if there are no archives yet.
   */
  stop(options?: { readonly keepClasses?: boolean }): Promise<void>;
}

export type Jit = Scenario['stack']['jit'];

export interface StackOptions {
  /** The run's own folder, for data, configuration and logs. */
  readonly runDir: string;
  /** Folder of the servers' data during the run (removed at stop); logs stay in runDir. */
  readonly workDir: string;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The servers to start, with their dependencies, dependencies first: see `withNeeds`. */
  readonly servers: readonly ServerName[];
  readonly flink: { readonly taskSlots: number; readonly checkpointEveryMs: number };
  /** Absent: Connect's defaults. */
  readonly connect?: ConnectSettings | undefined;
  /** How broker and TaskManager are compiled: see the scenario's `stack.jit`. */
  readonly jit: Jit;
  /** Auxiliary programs of the run: their images are built before it begins. */
  readonly auxiliary?: readonly AuxiliaryProcess['name'][];
  /** Servers that faults will restart during the measurement. */
  readonly restarted?: readonly ServerName[];
  /** Called with an image that has to be built first. */
  readonly onBuilding?: (image: string) => void;
  readonly onProgress: (line: {
    readonly server: ServerName;
    readonly state: 'starting' | 'ready' | 'stopped';
    readonly ms: number;
  }) => void;
}

export interface AttachOptions {
  readonly clock: Clock;
  readonly onProgress: StackOptions['onProgress'];
}

/** Extension point: starts the servers. */
export interface Runtime {
  readonly kind: RuntimeKind;
  /** How to get the artifacts that it starts. Throws DoorbusterError (exit 2) if there is no container engine. */
  artifactSource(): Promise<ArtifactSource>;
  /** The folder of the servers' data; null if it is not on this machine. */
  dataDir(): Promise<string | null>;
  start(options: StackOptions): Promise<Stack>;
  /**
   * Attaches to a persistent stack and its running servers. Disposing detaches from it, and it stays up; stopping ends
   * it. An interrupt does not detach: current work on the stack is finished first.
   */
  attach(kept: PersistedStack, options: AttachOptions): Promise<Stack>;
}

/** Each kind has one file and one line in runtimes.ts. */
export type RuntimeKind = 'processes' | 'containers';
