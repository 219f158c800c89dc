import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { COMPACTION } from '../../../record/facts.ts';
import type { MaintenanceAction } from '../../../scenario/scenario.ts';
import { CpuAccounts } from '../../clients/cpu-accounts.ts';
import { loadTable, type Snapshot } from '../../clients/iceberg.ts';
import { readProcesses } from '../../clients/proc.ts';
import { reasonOf } from '../../reason.ts';
import { innermostCause, logTail } from '../../stack/cause.ts';
import type { Launched } from '../../stack/server.ts';
import type { RunPipeline } from '../load.ts';
import type { Compaction, CompactionOptions, CompactionResult } from './compaction.ts';
import { type Candidates, listCandidates, removeOrphansSql, type TableFile } from './orphans.ts';
import { sparkScript } from './spark-jvm.ts';

const READY = 'doorbuster-engine-ready';
const DONE = 'doorbuster-compaction-done';
/** Printed after each action, with its name. */
const DONE_WITH = 'doorbuster-done-with ';
/** Columns of rewrite_data_files: rewritten, added, bytes, failed, and delete files that a second commit removed. */
const REWRITE = /^(\d+)\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/;
/** Columns of rewrite_manifests: rewritten, added. */
const MANIFESTS = /^(\d+)\t(\d+)$/;
/** Columns of expire_snapshots: deleted files of each kind. */
const EXPIRED = /^\d+(?:\t\d+){5}$/;
const RESULTS = [REWRITE, MANIFESTS, EXPIRED];
const PROCEDURES = /\b(?:rewrite_data_files|rewrite_manifests|expire_snapshots)\b/g;
const SAMPLE_MS = 1_000;
/** Snapshots younger than this are kept, ms: a reader of one is done with it by then. */
const KEEPS_MS = 60_000;
/** Snapshots that are kept, however old: a sink finds its last checkpoint in one of them. */
const KEEPS = 5;

/** Runs the pipeline's `compact.sql` in a Spark process. */
export const spark = {
  kind: 'spark',
  servers: ['minio', 'catalog'],
  tables: ({ compact }) =>
    tablesIn(compact?.text ?? '').map((table) => table.slice(table.lastIndexOf('.') + 1)),
  run: compactWithSpark,
} as const satisfies Compaction;

const REWRITE_ALONE = { actions: ['rewrite'], tables: [] } as const;

/** The tables of the calls in a script. */
function tablesIn(sql: string): string[] {
  return [...sql.matchAll(/\btable\s*=>\s*'([^']+)'/g)].map((match) => match[1] as string);
}

/** SQL of each action. */
const ACTIONS: {
  readonly [K in MaintenanceAction]: (of: {
    readonly rewrite: string;
    readonly tables: readonly string[];
    readonly candidates: readonly Candidates[];
    readonly nowMs: number;
  }) => string;
} = {
  rewrite: ({ rewrite }) => rewrite,
  manifests: ({ tables }) =>
    tables.map((table) => `CALL ice.system.rewrite_manifests(table => '${table}');`).join('\n'),
  expire: ({ tables, nowMs }) => {
    const before = new Date(nowMs - KEEPS_MS).toISOString();
    return tables
      .map(
        (table) => `CALL ice.system.expire_snapshots(
  table => '${table}', older_than => TIMESTAMP '${before}', retain_last => ${KEEPS});`,
      )
      .join('\n');
  },
  orphans: ({ candidates }) => removeOrphansSql(candidates),
};

/**
 * Runs the pipeline's `compact.sql` once, in a new Spark process. If its JVM will write a class archive at its end,
 * the process is paused after the last statement: writing takes half a minute that does not belong to the compaction,
 * and happens when the stack is stopped.
 */
async function compactWithSpark(
  pipeline: RunPipeline,
  options: CompactionOptions,
): Promise<CompactionResult> {
  const sql = pipeline.compact;
  if (sql === null) throw new Error(`${pipeline.manifest.name} has no compact.sql`);
  const { stack, clock, signal, logDir, log = 'spark-compaction.log' } = options;
  const { actions, tables } = options.maintain ?? REWRITE_ALONE;
  signal.throwIfAborted();
  const logPath = join(logDir, log);
  // On a shared stack the run has no log folder yet.
  await mkdir(logDir, { recursive: true });
  // Start with an empty log: an earlier one could contain the cause of another failure.
  await writeFile(logPath, '');
  const listedMs = clock.nowMs();
  let candidates: readonly Candidates[] = [];
  try {
    if (actions.includes('orphans')) {
      candidates = await listCandidates(stack, tables, { nowMs: listedMs, signal });
    }
  } catch (error) {
    signal.throwIfAborted();
    const reason = `the files of the tables could not be listed: ${reasonOf(error)}`;
    return notStarted(reason, tables, { startedMs: listedMs, endedMs: clock.nowMs() });
  }
  const rewritten = tablesIn(sql.text);
  const before = await snapshotsOf(stack, rewritten, signal);
  const watch = new EngineWatch(clock);
  const startedMs = clock.nowMs();
  const of = { rewrite: sql.text, tables, candidates, nowMs: startedMs };
  const script = actions
    .map((action) => `${ACTIONS[action](of)}\nSELECT '${DONE_WITH}${action}';`)
    .join('\n');
  const engine = await stack.launch({
    ...sparkScript(`SELECT '${READY}';\n${script}\nSELECT '${DONE}';\n`, stack.endpoints),
    onLine: (line) => watch.take(line),
    log: logPath,
  });
  if (engine.pid !== null) options.onStarted?.(engine.pid);
  const seen = await watch.untilEnd(engine, signal);
  signal.throwIfAborted();
  const endedMs = clock.nowMs();
  const removedDeleteFiles = removedDeletes(before, await snapshotsOf(stack, rewritten, signal));
  const run = { startedMs, endedMs, logPath, actions, candidates, removedDeleteFiles };
  return resultOf(script, seen, run);
}

interface EngineEnd {
  /** null: ended by a signal. 0 if it is paused before its end. */
  readonly exitCode: number | null;
  readonly lines: readonly string[];
  readonly ready: EngineSample | null;
  readonly committed: EngineSample | null;
  /** When each action was done. */
  readonly done: readonly EngineSample[];
  /** CPU at the last sample before the end, core-seconds. */
  readonly lastS: number | null;
}

interface EngineSample {
  readonly atMs: number;
  readonly coreSeconds: number | null;
}

/** Reads the output of an engine, and samples its CPU time. */
class EngineWatch {
  readonly #clock: Clock;
  readonly #lines: string[] = [];
  readonly #accounts = new CpuAccounts();
  readonly #done = new AbortController();
  #pid: number | null = null;
  #ready: Promise<EngineSample> | null = null;
  #committed: Promise<EngineSample> | null = null;
  readonly #doneWith: Promise<EngineSample>[] = [];
  #looking: Promise<EngineSample>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#looking = Promise.resolve({ atMs: clock.nowMs(), coreSeconds: null });
  }

  take(line: string): void {
    if (line === READY) this.#ready = this.#sample();
    else if (line === DONE) this.#done.abort();
    else if (line.startsWith(DONE_WITH)) this.#doneWith.push(this.#sample());
    else {
      this.#lines.push(line);
      if (RESULTS.some((of) => of.test(line))) this.#committed = this.#sample();
    }
  }

  /** Follows the engine to its end, or until it only has to write its class archive; an abort kills it. */
  async untilEnd(engine: Launched, signal: AbortSignal): Promise<EngineEnd> {
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
      await this.#sample();
      await this.#clock.sleep(SAMPLE_MS, over).catch(() => undefined);
    }
    const held = !ended.signal.aborted;
    if (held) await engine.pause();
    signal.removeEventListener('abort', kill);
    return {
      exitCode: held ? 0 : (await exited).code,
      lines: this.#lines,
      ready: await this.#ready,
      committed: await this.#committed,
      done: await Promise.all(this.#doneWith),
      lastS: (await this.#looking).coreSeconds,
    };
  }

  /** Samples run one after the other, because each adds to the previous ones. */
  #sample(): Promise<EngineSample> {
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
  seen: EngineEnd,
  run: {
    readonly startedMs: number;
    readonly endedMs: number;
    readonly logPath: string;
    readonly actions: readonly MaintenanceAction[];
    readonly candidates: readonly Candidates[];
    readonly removedDeleteFiles: number | null;
  },
): CompactionResult {
  const rowsOf = (result: RegExp) =>
    seen.lines.filter((line) => result.test(line)).map((line) => line.split('\t').map(Number));
  const [rewrites, manifests, expired] = [rowsOf(REWRITE), rowsOf(MANIFESTS), rowsOf(EXPIRED)];
  const total = (column: number) =>
    rewrites.reduce((sum, rewrite) => sum + (rewrite[column] as number), 0);
  const orphans = removedOrphans(seen.lines, run.candidates);
  const calls = sql.match(PROCEDURES)?.length ?? 0;
  const answered = rewrites.length + manifests.length + expired.length;
  const complete = answered === calls && seen.done.length === run.actions.length;
  const failedFiles = total(3);
  const error =
    failedFiles > 0
      ? `${failedFiles} files could not be rewritten`
      : seen.exitCode === 0 && complete
        ? null
        : (innermostCause(logTail(run.logPath)) ?? `Spark ended with code ${seen.exitCode}`);
  // The removal of orphans has no result of its own, and it is done when the engine says so.
  const last = run.actions.at(-1) === 'orphans' ? (seen.done.at(-1) ?? null) : seen.committed;
  const end =
    error === null && last !== null ? last : { atMs: run.endedMs, coreSeconds: seen.lastS };
  const ready = seen.ready ?? end;
  return {
    by: 'spark',
    outcome: error === null ? 'committed' : 'failed',
    error,
    tables: [...new Set(tablesIn(sql))],
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
    removedDeleteFiles: run.removedDeleteFiles,
    rewrittenManifests: manifests.reduce((sum, [rewritten = 0]) => sum + rewritten, 0),
    expiredFiles: expired.flat().reduce((sum, deleted) => sum + deleted, 0),
    removedOrphans: orphans.length,
    removedOrphanBytes: orphans.reduce((sum, { bytes }) => sum + bytes, 0),
    steps: stepsOf(run.actions, ready, seen.done),
    output: seen.lines.join('\n'),
  };
}

/** The snapshots of some tables; null: the catalog does not answer. */
async function snapshotsOf(
  { endpoints }: CompactionOptions['stack'],
  tables: readonly string[],
  signal: AbortSignal,
): Promise<readonly Snapshot[] | null> {
  try {
    const loaded = tables.map((table) => loadTable(endpoints.catalog, table, signal));
    return (await Promise.all(loaded)).flatMap((table) => table?.snapshots ?? []);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/**
 * Delete files that Spark has removed in between, by the summaries of its commits: a rewrite drops what has become too old for any
 * row, and its result does not say so. null: unknown.
 */
function removedDeletes(
  before: readonly Snapshot[] | null,
  after: readonly Snapshot[] | null,
): number | null {
  if (before === null || after === null) return null;
  const known = new Set(before.map(({ id }) => id));
  return after
    .filter(({ id, summary }) => !known.has(id) && summary['engine-name'] === 'spark')
    .reduce((sum, { summary }) => sum + Number(summary['removed-delete-files'] ?? 0), 0);
}

/** Each action lasts from the end of the one before it. */
function stepsOf(
  actions: readonly MaintenanceAction[],
  ready: EngineSample,
  done: readonly EngineSample[],
): CompactionResult['steps'] {
  return done.flatMap((end, i) => {
    const [action, start] = [actions[i], done[i - 1] ?? ready];
    if (action === undefined) return [];
    const coreSeconds =
      end.coreSeconds === null ? null : end.coreSeconds - (start.coreSeconds ?? 0);
    return [{ action, startMs: start.atMs, endMs: end.atMs, coreSeconds }];
  });
}

/** remove_orphan_files prints the path of each file that it removed. */
function removedOrphans(
  lines: readonly string[],
  candidates: readonly Candidates[],
): readonly TableFile[] {
  const listed = new Map(candidates.flatMap(({ files }) => files.map((file) => [file.path, file])));
  return lines.flatMap((line) => listed.get(line) ?? []);
}

/** The result of a run that failed before its engine was needed. */
function notStarted(
  error: string,
  tables: readonly string[],
  { startedMs, endedMs }: { readonly startedMs: number; readonly endedMs: number },
): CompactionResult {
  return {
    ...{ by: 'spark', outcome: 'failed', error, tables, output: '' },
    ...{ startedMs, engineReadyMs: null, committedMs: null },
    ...{ wallMs: endedMs - startedMs, startupMs: 0, coreSeconds: 0, startupCoreSeconds: 0 },
    ...{ rewrittenFiles: 0, addedFiles: 0, rewrittenBytes: 0, removedDeleteFiles: 0 },
    ...{ rewrittenManifests: 0, expiredFiles: 0, removedOrphans: 0, removedOrphanBytes: 0 },
    steps: [],
  };
}
