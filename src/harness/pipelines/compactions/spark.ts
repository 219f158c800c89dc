import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { COMPACTION } from '../../../record/facts.ts';
import { CpuAccounts } from '../../clients/cpu-accounts.ts';
import { readProcesses } from '../../clients/proc.ts';
import { innermostCause, logTail } from '../../stack/cause.ts';
import type { Launched } from '../../stack/server.ts';
import type { RunPipeline } from '../load.ts';
import type { Compaction, CompactionOptions, CompactionResult } from './compaction.ts';
import { sparkScript } from './spark-jvm.ts';

const READY = 'doorbuster-engine-ready';
const DONE = 'doorbuster-compaction-done';
/** Columns of rewrite_data_files: rewritten, added, bytes, failed, removed delete files. */
const REWRITE = /^(\d+)\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/;
const SAMPLE_MS = 1_000;

/** Runs the pipeline's `compact.sql` in a Spark process. */
export const spark = {
  kind: 'spark',
  servers: ['minio', 'catalog'],
  run: compactWithSpark,
} as const satisfies Compaction;

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
  signal.throwIfAborted();
  const logPath = join(logDir, log);
  // On a shared stack the run has no log folder yet.
  await mkdir(logDir, { recursive: true });
  // Start with an empty log: an earlier one could contain the cause of another failure.
  await writeFile(logPath, '');
  const watch = new EngineWatch(clock);
  const startedMs = clock.nowMs();
  const engine = await stack.launch({
    ...sparkScript(`SELECT '${READY}';\n${sql.text}\nSELECT '${DONE}';\n`, stack.endpoints),
    onLine: (line) => watch.take(line),
    log: logPath,
  });
  if (engine.pid !== null) options.onStarted?.(engine.pid);
  const seen = await watch.untilEnd(engine, signal);
  signal.throwIfAborted();
  return resultOf(sql.text, seen, { startedMs, endedMs: clock.nowMs(), logPath });
}

interface EngineEnd {
  /** null: ended by a signal. 0 if it is paused before its end. */
  readonly exitCode: number | null;
  readonly lines: readonly string[];
  readonly ready: EngineSample | null;
  readonly committed: EngineSample | null;
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
  #looking: Promise<EngineSample>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#looking = Promise.resolve({ atMs: clock.nowMs(), coreSeconds: null });
  }

  take(line: string): void {
    if (line === READY) this.#ready = this.#sample();
    else if (line === DONE) this.#done.abort();
    else {
      this.#lines.push(line);
      if (REWRITE.test(line)) this.#committed = this.#sample();
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
    by: 'spark',
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
