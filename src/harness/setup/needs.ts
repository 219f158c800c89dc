import type { LockedArtifact, StackLock } from './lock.ts';

const GIB = 1024 ** 3;

/** What a run does on this machine besides making its load. */
export interface MachineWork {
  /** Where its servers are: processes and images of this machine, or machines of others. */
  readonly servers: 'processes' | 'containers' | 'elsewhere';
  /** It asks queries and judges what it reads; the shards of a load that do not lead do neither. */
  readonly observes: boolean;
  /** It compacts with Spark. */
  readonly spark: boolean;
}

/** What of all that there is has to be on this machine for it. */
export interface Needs {
  readonly artifacts: readonly LockedArtifact[];
  /** That it runs well with, and below which it is not begun, bytes. */
  readonly memory: { readonly goodBytes: number; readonly leastBytes: number };
}

/** What the harness itself loads, wherever the servers run. */
const LOADED = ['duckdb-extensions'];
const SPARK = ['spark', 'spark-iceberg', 'lakehouse'];

/** The servers hold about 1.5 GB, a Spark compaction and our own threads come on top. */
const WITH_SERVERS = { goodBytes: 4 * GIB, leastBytes: 2.5 * GIB };
/** Spark takes up to 2 GB; DuckDB, up to 2 GB for the queries, takes what the tables are large. */
const WITH_SPARK = { goodBytes: 5 * GIB, leastBytes: 2.5 * GIB };
const OBSERVING = { goodBytes: 3 * GIB, leastBytes: 1 * GIB };
const LOAD_ALONE = { goodBytes: 1 * GIB, leastBytes: 0.5 * GIB };

/** What a run needs by what it undertakes; without a word, all that there is. */
export function needsOf(
  lock: StackLock,
  { servers, observes, spark }: MachineWork = { servers: 'processes', observes: true, spark: true },
): Needs {
  const artifacts = (names: readonly string[]) =>
    lock.artifacts.filter(({ name }) => names.includes(name));
  // Whoever starts them needs their files; images bring theirs.
  if (servers === 'processes') return { artifacts: lock.artifacts, memory: WITH_SERVERS };
  if (servers === 'containers') return { artifacts: artifacts(LOADED), memory: WITH_SERVERS };
  if (!observes) return { artifacts: [], memory: LOAD_ALONE };
  return spark
    ? { artifacts: artifacts([...LOADED, ...SPARK]), memory: WITH_SPARK }
    : { artifacts: artifacts(LOADED), memory: OBSERVING };
}
