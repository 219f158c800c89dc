import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { COMPACTION } from '../../record/facts.ts';
import { catalogProperties } from '../clients/catalog-options.ts';
import { CpuAccounts } from '../clients/cpu-accounts.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import { readProcesses } from '../clients/proc.ts';
import type { AuxiliaryProcess, LaunchContext } from '../stack/auxiliary-process.ts';
import { innermostCause, logTail } from '../stack/cause.ts';
import type { Launched } from '../stack/server.ts';
import type { Stack } from '../stack/stack.ts';
import type { PlacedPipeline } from './load.ts';

/** What a compaction on demand needs. */
export interface CompactionOptions {
  /** Whose tables they are; the engine runs beside its servers. */
  readonly stack: Pick<Stack, 'endpoints' | 'launch'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Folder for the engine's log. */
  readonly logDir: string;
  /** Name of its log there, `spark-compaction.log` by default. */
  readonly log?: string;
  /** Told the engine's process as soon as there is one; where it is out of sight, there is none. */
  readonly onStarted?: (pid: number) => void;
}

/** What one compaction on demand came to. Moments are epoch ms. */
export interface CompactionResult {
  readonly outcome: 'committed' | 'failed';
  /** Why it failed: the innermost cause. */
  readonly error: string | null;
  /** The tables it rewrites, with their namespace. */
  readonly tables: readonly string[];
  /** The engine's process was started. */
  readonly startedMs: number;
  /** The engine answered its first statement; null when it never did. */
  readonly engineReadyMs: number | null;
  /** The last rewrite had told its result, which it does right after its commit. */
  readonly committedMs: number | null;
  /** From ready to committed; of a failed one, to its end. */
  readonly wallMs: number;
  readonly startupMs: number;
  /** CPU of the engine and its children from ready to committed, in core-seconds; null where it is out of sight. */
  readonly coreSeconds: number | null;
  /** CPU of both until it was ready, in core-seconds. */
  readonly startupCoreSeconds: number | null;
  readonly rewrittenFiles: number;
  readonly addedFiles: number;
  readonly rewrittenBytes: number;
  readonly removedDeleteFiles: number;
  /** What the statements printed. */
  readonly output: string;
}

const READY = 'doorbuster-engine-ready';
const DONE = 'doorbuster-compaction-done';
/** Columns of rewrite_data_files: rewritten, added, bytes, failed, removed delete files. */
const REWRITE = /^(\d+)\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/;
const SAMPLE_MS = 1_000;

const SCRIPT = 'compact.sql';
const CATALOG = 'catalog.options';
/** The JVM's own heap, and what Spark and S3 take beside it. */
const [HEAP_MIB, MEMORY_MIB] = [1024, 2048];

/**
 * Runs the pipeline's `compact.sql` in a Spark of its own, once. Where its JVM is to write its classes down as it
 * ends, it is frozen after its last statement: that takes half a minute, which is not the compaction's, and
 * is made up for when the stack is stopped.
 */
export async function compactWithSpark(
  pipeline: PlacedPipeline,
  options: CompactionOptions,
): Promise<CompactionResult> {
  const sql = pipeline.compact;
  if (sql === null) throw new Error(`${pipeline.manifest.name} has no compact.sql`);
  const { stack, clock, signal, logDir, log = 'spark-compaction.log' } = options;
  signal.throwIfAborted();
  const logPath = join(logDir, log);
  // On a stack that is not the run's own nothing of it has a log there yet.
  await mkdir(logDir, { recursive: true });
  // Why this one failed is not to be found in what another said.
  await writeFile(logPath, '');
  const watch = new EngineWatch(clock);
  const startedMs = clock.nowMs();
  const engine = await stack.launch({
    ...sparkScript(`SELECT '${READY}';\n${sql.text}\nSELECT '${DONE}';\n`, stack.endpoints),
    onLine: (line) => watch.take(line),
    log: logPath,
  });
  if (engine.pid !== null) options.onStarted?.(engine.pid);
  const seen = await watch.toItsEnd(engine, signal);
  signal.throwIfAborted();
  return resultOf(sql.text, seen, { startedMs, endedMs: clock.nowMs(), logPath });
}

interface Seen {
  /** null: a signal ended it. Of one that is held before its end, 0. */
  readonly exitCode: number | null;
  readonly lines: readonly string[];
  readonly ready: Moment | null;
  readonly committed: Moment | null;
  /** CPU at the last sample before the end, core-seconds. */
  readonly lastS: number | null;
}

interface Moment {
  readonly atMs: number;
  readonly coreSeconds: number | null;
}

/** Listens to an engine, and samples what it uses. */
class EngineWatch {
  readonly #clock: Clock;
  readonly #lines: string[] = [];
  readonly #accounts = new CpuAccounts();
  readonly #done = new AbortController();
  #pid: number | null = null;
  #ready: Promise<Moment> | null = null;
  #committed: Promise<Moment> | null = null;
  #looking: Promise<Moment>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#looking = Promise.resolve({ atMs: clock.nowMs(), coreSeconds: null });
  }

  take(line: string): void {
    if (line === READY) this.#ready = this.#moment();
    else if (line === DONE) this.#done.abort();
    else {
      this.#lines.push(line);
      if (REWRITE.test(line)) this.#committed = this.#moment();
    }
  }

  /** Follows the engine to its end, or to where it has nothing left to do but to write its classes; an abort kills it. */
  async toItsEnd(engine: Launched, signal: AbortSignal): Promise<Seen> {
    this.#pid = engine.pid;
    const kill = () => engine.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    const ended = new AbortController();
    const exited = engine.exited.finally(() => ended.abort());
    const over = engine.keepClasses
      ? AbortSignal.any([ended.signal, this.#done.signal])
      : ended.signal;
    while (!over.aborted) {
      await this.#moment();
      await this.#clock.sleep(SAMPLE_MS, over).catch(() => undefined);
    }
    const held = !ended.signal.aborted;
    if (held) await engine.freeze();
    signal.removeEventListener('abort', kill);
    return {
      exitCode: held ? 0 : (await exited).code,
      lines: this.#lines,
      ready: await this.#ready,
      committed: await this.#committed,
      lastS: (await this.#looking).coreSeconds,
    };
  }

  /** One look after the other: each adds to what those before it have seen. */
  #moment(): Promise<Moment> {
    const atMs = this.#clock.nowMs();
    this.#looking = this.#looking.then(async () => {
      if (this.#pid === null) return { atMs, coreSeconds: null };
      this.#accounts.sample(await readProcesses(), new Map([[this.#pid, COMPACTION]]));
      return { atMs, coreSeconds: this.#accounts.usage(COMPACTION)?.cpuS ?? null };
    });
    return this.#looking;
  }
}

function resultOf(
  sql: string,
  seen: Seen,
  run: { readonly startedMs: number; readonly endedMs: number; readonly logPath: string },
): CompactionResult {
  const rewrites = seen.lines.flatMap((line) => {
    const columns = REWRITE.exec(line);
    return columns === null ? [] : [columns.slice(1).map(Number)];
  });
  const total = (column: number) =>
    rewrites.reduce((sum, rewrite) => sum + (rewrite[column] as number), 0);
  const tables = [...sql.matchAll(/\btable\s*=>\s*'([^']+)'/g)].map((match) => match[1] as string);
  const calls = sql.match(/\brewrite_data_files\b/g)?.length ?? 0;
  const failedFiles = total(3);
  const error =
    failedFiles > 0
      ? `${failedFiles} files could not be rewritten`
      : seen.exitCode === 0 && rewrites.length === calls
        ? null
        : (innermostCause(logTail(run.logPath)) ?? `Spark ended with code ${seen.exitCode}`);
  const end =
    error === null && seen.committed !== null
      ? seen.committed
      : { atMs: run.endedMs, coreSeconds: seen.lastS };
  const ready = seen.ready ?? end;
  return {
    outcome: error === null ? 'committed' : 'failed',
    error,
    tables,
    startedMs: run.startedMs,
    engineReadyMs: seen.ready?.atMs ?? null,
    committedMs: error === null ? end.atMs : null,
    wallMs: end.atMs - ready.atMs,
    startupMs: ready.atMs - run.startedMs,
    coreSeconds: end.coreSeconds === null ? null : end.coreSeconds - (ready.coreSeconds ?? 0),
    startupCoreSeconds: ready.coreSeconds,
    rewrittenFiles: total(0),
    addedFiles: total(1),
    rewrittenBytes: total(2),
    removedDeleteFiles: total(4),
    output: seen.lines.join('\n'),
  };
}

/** A Spark that runs one script of SQL to its end, with the catalog as `ice`. */
export function sparkScript(
  sql: string,
  endpoints: Endpoints,
): Pick<AuxiliaryProcess, 'name' | 'memoryMiB' | 'files' | 'command'> {
  return {
    name: 'spark',
    memoryMiB: MEMORY_MIB,
    files: ({ internal }) => ({
      [SCRIPT]: sql,
      [CATALOG]: catalogOptions(endpoints, internal),
    }),
    command: (at) => commandOf(at, endpoints),
  };
}

/** Spark needs these open on Java 17, as its own launcher would say. */
const OPENS = [
  'java.base/java.lang',
  'java.base/java.lang.invoke',
  'java.base/java.lang.reflect',
  'java.base/java.io',
  'java.base/java.net',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/sun.nio.ch',
  'java.base/sun.nio.cs',
  'java.base/sun.security.action',
  'java.base/sun.util.calendar',
];

/** Options of a JVM in a file, as its launcher reads them. */
function catalogOptions({ catalog, s3, internal }: Endpoints, amongServers: boolean): string {
  const to = amongServers ? internal : { catalog: catalog.uri, s3: s3.endpoint };
  const properties = catalogProperties(catalog, { ...to, region: s3.region });
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return Object.entries(properties)
    .map(([key, value]) => `"-Dspark.sql.catalog.ice.${key}=${escaped(value)}"\n`)
    .join('');
}

function commandOf({ java, artifacts, dir }: LaunchContext, endpoints: Endpoints) {
  const { s3 } = endpoints;
  const conf: Readonly<Record<string, string>> = {
    'spark.master': 'local[2]',
    'spark.app.name': 'doorbuster-compaction',
    'spark.driver.host': '127.0.0.1',
    'spark.driver.bindAddress': '127.0.0.1',
    'spark.ui.enabled': 'false',
    'spark.local.dir': dir,
    'spark.sql.warehouse.dir': join(dir, 'warehouse'),
    'spark.sql.catalogImplementation': 'in-memory',
    'spark.sql.shuffle.partitions': '2',
    'spark.sql.extensions': 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions',
    'spark.sql.catalog.ice': 'org.apache.iceberg.spark.SparkCatalog',
    'spark.sql.catalog.ice.type': 'rest',
  };
  const args = [
    `-Xmx${HEAP_MIB}m`,
    '-Djava.net.preferIPv4Stack=true',
    `-Dderby.system.home=${dir}`,
    ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    ...Object.entries(conf).map(([key, value]) => `-D${key}=${value}`),
    `@${join(dir, CATALOG)}`,
    '-cp',
    artifacts.sparkClasspath,
    'org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver',
    '-f',
    join(dir, SCRIPT),
  ];
  // Credentials go by the environment, or by a file: a command line is everybody's to read.
  const env = {
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    AWS_REGION: s3.region,
    // Its driver listens, and would on every address.
    SPARK_LOCAL_IP: '127.0.0.1',
  };
  return { program: java, args, env };
}
