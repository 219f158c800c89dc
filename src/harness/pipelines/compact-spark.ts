import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { readProcess } from '../clients/proc.ts';
import { yielding } from '../priority.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { javaCommand } from '../setup/prerequisites.ts';
import { innermostCause, logTail } from '../stack/cause.ts';
import { Claim } from '../stack/claim.ts';
import { withClassArchive } from '../stack/class-archives.ts';
import type { Endpoints } from '../stack/stack.ts';
import type { PlacedPipeline } from './load.ts';

/** What a compaction on demand needs. */
export interface CompactionOptions {
  readonly artifacts: Pick<Artifacts, 'sparkClasspath' | 'classArchives'>;
  readonly endpoints: Pick<Endpoints, 'catalog' | 's3'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Folder for the engine's log. */
  readonly workDir: string;
  /** Told the engine's process as soon as there is one. */
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
  /** CPU of the engine from ready to committed, in core-seconds. */
  readonly coreSeconds: number;
  /** CPU of the engine until it was ready, in core-seconds. */
  readonly startupCoreSeconds: number;
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
const SAMPLE_MS = 200;

/** Runs the pipeline's `compact.sql` in a Spark of its own, once. */
export async function compactWithSpark(
  pipeline: PlacedPipeline,
  options: CompactionOptions,
): Promise<CompactionResult> {
  const sql = pipeline.compact;
  if (sql === null) throw new Error(`${pipeline.manifest.name} has no compact.sql`);
  const { clock, signal, workDir } = options;
  signal.throwIfAborted();
  const dir = await mkdtemp(join(tmpdir(), 'doorbuster-spark-'));
  const logPath = join(workDir, 'spark-compaction.log');
  // On record as a server is: should we be killed in the middle of it, it is not left to its own end.
  const claim = await Claim.open(dir);
  try {
    const script = join(dir, 'compact.sql');
    await writeFile(script, `SELECT '${READY}';\n${sql.text}\nSELECT '${DONE}';\n`);
    const startedMs = clock.nowMs();
    const archived = withClassArchive(
      'spark',
      { program: javaCommand(), args: javaArguments(options, dir, script), env: {} },
      { dir: options.artifacts.classArchives, scratch: dir },
    );
    const { program, args } = archived.command;
    // Its own hand writes the log, so that it is whole as soon as the engine has ended.
    const log = openSync(logPath, 'w');
    const child = spawn(...yielding(program, args), {
      cwd: dir,
      detached: true,
      // Credentials go by the environment: a command line is everybody's to read.
      env: {
        ...process.env,
        AWS_ACCESS_KEY_ID: options.endpoints.s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: options.endpoints.s3.secretAccessKey,
        AWS_REGION: options.endpoints.s3.region,
        // Its driver listens, and would on every address.
        SPARK_LOCAL_IP: '127.0.0.1',
      },
      stdio: ['ignore', 'pipe', log],
    });
    closeSync(log);
    if (child.pid !== undefined) {
      claim.guard('spark', child.pid);
      options.onStarted?.(child.pid);
    }
    const seen = await observe(child, options);
    signal.throwIfAborted();
    if (seen.exitCode === 0) await archived.keep();
    return resultOf(sql.text, seen, { startedMs, endedMs: clock.nowMs(), logPath });
  } finally {
    await claim.remove();
  }
}

interface Seen {
  readonly exitCode: number | null;
  readonly lines: readonly string[];
  readonly ready: Moment | null;
  readonly committed: Moment | null;
  /** CPU at the last sample before the end, core-seconds. */
  readonly lastS: number;
}

interface Moment {
  readonly atMs: number;
  readonly coreSeconds: number;
}

/** Follows the engine to its end; an abort kills it. */
async function observe(child: ChildProcess, { clock, signal }: CompactionOptions): Promise<Seen> {
  const kill = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  const over = new AbortController();
  const closed = once(child, 'close').finally(() => over.abort());
  const lines: string[] = [];
  const marks: { ready: Moment | null; committed: Moment | null } = {
    ready: null,
    committed: null,
  };
  let lastS = 0;
  const moment = (): Moment => {
    lastS = readProcess(child.pid)?.ownS ?? lastS;
    return { atMs: clock.nowMs(), coreSeconds: lastS };
  };
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    if (line === READY) marks.ready = moment();
    else if (line === DONE) return;
    else {
      lines.push(line);
      if (REWRITE.test(line)) marks.committed = moment();
    }
  });
  try {
    while (!over.signal.aborted) {
      moment();
      await clock.sleep(SAMPLE_MS, over.signal).catch(() => undefined);
    }
    const [exitCode] = (await closed) as [number | null];
    return { exitCode, lines, ...marks, lastS };
  } catch (error) {
    throw stackBroke(
      `Spark did not start: ${(error as Error).message}`,
      'doorbuster doctor',
      error,
    );
  } finally {
    signal.removeEventListener('abort', kill);
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
    coreSeconds: end.coreSeconds - ready.coreSeconds,
    startupCoreSeconds: ready.coreSeconds,
    rewrittenFiles: total(0),
    addedFiles: total(1),
    rewrittenBytes: total(2),
    removedDeleteFiles: total(4),
    output: seen.lines.join('\n'),
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

function javaArguments(options: CompactionOptions, dir: string, script: string): string[] {
  const { catalog, s3 } = options.endpoints;
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
    'spark.sql.catalog.ice.uri': catalog.uri,
    'spark.sql.catalog.ice.warehouse': catalog.warehouse,
    'spark.sql.catalog.ice.io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    'spark.sql.catalog.ice.s3.endpoint': s3.endpoint,
    'spark.sql.catalog.ice.s3.path-style-access': 'true',
    'spark.sql.catalog.ice.client.region': s3.region,
  };
  return [
    '-Xmx1g',
    '-Djava.net.preferIPv4Stack=true',
    `-Dderby.system.home=${dir}`,
    ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    ...Object.entries(conf).map(([key, value]) => `-D${key}=${value}`),
    '-cp',
    options.artifacts.sparkClasspath,
    'org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver',
    '-f',
    script,
  ];
}
