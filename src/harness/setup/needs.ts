import type { LockedArtifact, StackLock } from './lock.ts';
import type { Tool } from './prerequisites.ts';

const GIB = 1024 ** 3;

/** Work of a run on this machine besides producing its load. */
export interface MachineWork {
  /** Where its servers run: as processes or containers on this machine, or on external clusters. */
  readonly servers: 'processes' | 'containers' | 'elsewhere';
  /** Whether it runs queries and judges the tables; only the leader of a distributed load does. */
  readonly observes: boolean;
  /** Whether it uses Spark, for compaction or for queries. */
  readonly spark: boolean;
  /** Programs that its servers are, where they run as processes. */
  readonly tools?: readonly Tool[];
}

/** Artifacts and memory that a run needs on this machine. */
export interface Needs {
  readonly artifacts: readonly LockedArtifact[];
  /** Recommended memory, and the minimum below which a run is refused, bytes. */
  readonly memory: { readonly goodBytes: number; readonly leastBytes: number };
  /** Installed programs that its servers are, besides those that fetch and run the artifacts. */
  readonly tools: readonly Tool[];
}

/** Artifacts that the harness itself loads, wherever the servers run. */
const LOADED = ['duckdb-extensions'];
const SPARK = ['spark', 'spark-iceberg', 'lakehouse'];

/** The servers use about 1.5 GB; a Spark compaction and the harness's threads come on top. */
const WITH_SERVERS = { goodBytes: 4 * GIB, leastBytes: 2.5 * GIB };
/** Spark uses up to 2 GB; DuckDB uses up to 2 GB for the queries, depending on the size of the tables. */
const WITH_SPARK = { goodBytes: 5 * GIB, leastBytes: 2.5 * GIB };
const OBSERVING = { goodBytes: 3 * GIB, leastBytes: 1 * GIB };
const LOAD_ALONE = { goodBytes: 1 * GIB, leastBytes: 0.5 * GIB };

/** All kinds of work. */
export const EVERYTHING: MachineWork = { servers: 'processes', observes: true, spark: true };

/** The needs of a run by its work. */
export function needsOf(lock: StackLock, work: MachineWork = EVERYTHING): Needs {
  const tools = work.servers === 'processes' ? (work.tools ?? []) : [];
  return { ...artifactsOf(lock, work), tools };
}

function artifactsOf(
  lock: StackLock,
  { servers, observes, spark }: MachineWork,
): Omit<Needs, 'tools'> {
  const artifacts = (names: readonly string[]) =>
    lock.artifacts.filter(({ name }) => names.includes(name));
  // Processes need the servers' files here; images contain them.
  if (servers === 'processes') return { artifacts: lock.artifacts, memory: WITH_SERVERS };
  if (servers === 'containers') return { artifacts: artifacts(LOADED), memory: WITH_SERVERS };
  if (!observes) return { artifacts: [], memory: LOAD_ALONE };
  return spark
    ? { artifacts: artifacts([...LOADED, ...SPARK]), memory: WITH_SPARK }
    : { artifacts: artifacts(LOADED), memory: OBSERVING };
}
