import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { badInput, stackBroke } from '../../core/errors.ts';
import { openCatalog } from '../clients/iceberg.ts';
import { openBucket } from '../clients/s3.ts';
import { sparkScript } from '../pipelines/compactions/spark-script.ts';
import { dropTable } from '../pipelines/remove.ts';
import { reasonOf } from '../reason.ts';
import { innermostCause, logTail } from '../stack/cause.ts';
import type { Stack } from '../stack/stack.ts';
import type { CopyOptions, PlainCopies } from './engine.ts';

/** Timeout of Spark, ms. It takes 10 to 15 s to start, and a few more to read a million rows. */
const TIMEOUT_MS = 600_000;
const DROP_WITHIN_MS = 60_000;

/**
 * Copies tables that DuckDB cannot read with Spark, into tables of the same namespace without deletes and partitions.
 * Spark is only fetched when it is needed: with containers its image is built then, and without Spark on this machine
 * the error says what to type.
 */
export function sparkCopies({
  stack,
  namespace,
  logDir,
  signal,
  onLeftBehind,
}: CopyOptions): PlainCopies {
  return {
    name: 'Spark',
    async withCopy({ table, columns }, work) {
      const copy = `doorbuster_copy_of_${table}`;
      const catalog = openCatalog(stack.endpoints.catalog, namespace);
      using bucket = openBucket(stack.endpoints.s3);
      const nameOf = (name: string) => `ice.${quotedName(namespace)}.${quotedName(name)}`;
      try {
        await runSpark(
          `CREATE OR REPLACE TABLE ${nameOf(copy)} USING iceberg AS
SELECT ${columns.map(quotedName).join(', ')} FROM ${nameOf(table)};\n`,
          { stack, log: join(logDir, 'spark-oracle.log'), signal },
        );
        await work(copy);
      } finally {
        // Not the run's signal: the copy must be dropped after an aborted run as well.
        const dropping = { catalog, bucket, signal: AbortSignal.timeout(DROP_WITHIN_MS) };
        await dropTable(copy, dropping).catch((error) => onLeftBehind(copy, reasonOf(error)));
      }
    },
  };
}

const quotedName = (name: string) => `\`${name.replaceAll('`', '``')}\``;

async function runSpark(
  sql: string,
  {
    stack,
    log,
    signal,
  }: {
    readonly stack: Pick<Stack, 'endpoints' | 'launch'>;
    readonly log: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  signal.throwIfAborted();
  await mkdir(dirname(log), { recursive: true });
  await writeFile(log, '');
  const script = sparkScript(sql, stack.endpoints);
  const engine = await stack.launch({
    ...script,
    command(at) {
      if (!at.internal) requireSpark(at.artifacts.sparkClasspath);
      return script.command(at);
    },
    onLine: () => {},
    log,
  });
  const over = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const kill = () => engine.kill('SIGKILL');
  over.addEventListener('abort', kill, { once: true });
  if (over.aborted) kill();
  const { code } = await engine.exited;
  over.removeEventListener('abort', kill);
  signal.throwIfAborted();
  if (over.aborted) throw stackBroke(`Spark did not finish within ${TIMEOUT_MS / 1_000} s`);
  if (code === 0) return;
  throw stackBroke(`Spark: ${innermostCause(logTail(log)) ?? `it ended with code ${code}`}`);
}

/** Checks that Spark's jars exist; their folder is the first part of its class path. */
function requireSpark(classpath: string): void {
  const jars = dirname(classpath.split(':')[0] ?? '');
  if (existsSync(jars)) return;
  throw badInput(`Spark is not on this machine: there is no ${jars}`, 'doorbuster setup');
}
