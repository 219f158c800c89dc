import type { SERVERS } from '../../core/metrics.ts';
import type { LockedArtifact, StackLock } from './lock.ts';
import type { Tool } from './prerequisites.ts';

type ServerName = (typeof SERVERS)[number];

const GIB = 1024 ** 3;

/** Programs that a run starts next to its servers: for compaction, for queries or as a stage. */
export type Program = 'spark' | 'trino' | 'spark-merge';

/** Work of a run on this machine besides producing its load. */
export interface MachineWork {
  /** Where its servers run: as processes or containers on this machine, or on external clusters. */
  readonly servers: 'processes' | 'containers' | 'elsewhere';
  /** Whether it runs queries and judges the tables; only the leader of a distributed load does. */
  readonly observes: boolean;
  /** The programs that it starts. */
  readonly programs: readonly Program[];
  /** The servers that it starts; of those that only some runs start, the files are fetched only for these. */
  readonly starts?: readonly ServerName[];
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
/** The artifacts of each program. */
const OF_PROGRAM: { readonly [P in Program]: readonly string[] } = {
  spark: ['spark', 'spark-iceberg'],
  trino: ['trino', 'trino-iceberg'],
  // It decodes with the function that Flink calls, and with Flink's casts.
  'spark-merge': ['spark', 'spark-iceberg', 'spark-kafka', 'flink', 'flink-functions'],
};
/** Artifacts that are only fetched for a run that names their program. */
const OPTIONAL = [...OF_PROGRAM.trino, 'spark-kafka'];

/** The artifacts of servers that only some runs start. */
const OF_SERVER: { readonly [S in ServerName]?: readonly string[] } = {
  connect: ['connect', 'connect-iceberg', 'connect-debezium'],
  // A program that has to be installed.
  postgres: [],
};

/** Servers that a persistent stack has only on request, since their files or their program are there for them alone. */
export const SERVERS_ON_REQUEST = Object.keys(OF_SERVER) as readonly ServerName[];

/** The servers use about 1.5 GB; a Spark compaction and the harness's threads come on top. */
const WITH_SERVERS = { goodBytes: 4 * GIB, leastBytes: 2.5 * GIB };
/** Spark uses up to 2 GB; DuckDB uses up to 2 GB for the queries, depending on the size of the tables. */
const WITH_SPARK = { goodBytes: 5 * GIB, leastBytes: 2.5 * GIB };
const OBSERVING = { goodBytes: 3 * GIB, leastBytes: 1 * GIB };
const LOAD_ALONE = { goodBytes: 1 * GIB, leastBytes: 0.5 * GIB };
/** Trino has a heap of 1 GiB, and as much again for a cold query. */
const TRINO = { goodBytes: 2 * GIB, leastBytes: 1 * GIB };

/** All kinds of work, without the programs that are only fetched for a run that names them. */
export const EVERYTHING: MachineWork = {
  servers: 'processes',
  observes: true,
  programs: ['spark'],
};

/**
 * Whether an artifact is only fetched for a run that names its program or starts its server. Spark is not: oracles may
 * use it in any run.
 */
export function isOptional({ name }: Pick<LockedArtifact, 'name'>): boolean {
  return [OPTIONAL, ...Object.values(OF_SERVER)].some((names) => names.includes(name));
}

/** The needs of a run by its work. */
export function needsOf(lock: StackLock, work: MachineWork = EVERYTHING): Needs {
  const { servers, observes, programs } = work;
  const used = observes ? programs : [];
  const names = used.flatMap((program) => OF_PROGRAM[program]);
  const ofServers = (work.starts ?? []).flatMap((server) => OF_SERVER[server] ?? []);
  const artifacts = lock.artifacts.filter((one) => {
    // Processes need the servers' files here; images contain them.
    if (servers === 'processes') {
      return !isOptional(one) || [...names, ...ofServers].includes(one.name);
    }
    if (servers === 'containers') return LOADED.includes(one.name);
    return observes && [...LOADED, ...names].includes(one.name);
  });
  const tools = servers === 'processes' ? (work.tools ?? []) : [];
  return { artifacts, memory: memoryFor(work), tools };
}

function memoryFor({ servers, observes, programs }: MachineWork): Needs['memory'] {
  if (servers === 'elsewhere' && !observes) return LOAD_ALONE;
  const spark = programs.some((one) => one !== 'trino');
  const elsewhere = spark ? WITH_SPARK : OBSERVING;
  const base = servers === 'elsewhere' ? elsewhere : WITH_SERVERS;
  if (!programs.includes('trino')) return base;
  return {
    goodBytes: base.goodBytes + TRINO.goodBytes,
    leastBytes: base.leastBytes + TRINO.leastBytes,
  };
}
