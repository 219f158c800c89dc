import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { stackBroke } from '../../core/errors.ts';
import { limitedSignal } from '../../core/limited-signal.ts';
import type { ExportOptions, TableExports } from './engine.ts';
import { SparkSession } from './spark-session.ts';

/** Timeout of one table, ms. Spark reads a million rows with 100 commits of deletes in a few seconds. */
export const SPARK_WITHIN_MS = 600_000;

/**
 * Writes tables with Spark to Parquet files. One session reads all of them; it is started for the first one. Spark is
 * only fetched when it is needed: with containers its image is built then, and without Spark on this machine the error
 * says what to type.
 */
export function sparkExports({
  stack,
  clock,
  namespace,
  logDir,
  signal,
}: ExportOptions): TableExports {
  let starting: Promise<SparkSession> | undefined;
  const start = async () => {
    const log = join(logDir, 'spark-oracle.log');
    const threads = availableParallelism();
    const session = await SparkSession.start({ stack, clock, log, signal, threads });
    // After a crash, the next table gets a new one.
    void session.exited.then(() => {
      starting = undefined;
    });
    return session;
  };
  const nameOf = (name: string) => `ice.${quotedName(namespace)}.${quotedName(name)}`;
  return {
    name: 'Spark',
    async toParquet({ table, columns }, file) {
      starting ??= start();
      const session = await starting;
      const sql = `SELECT ${columns.map(quotedName).join(', ')} FROM ${nameOf(table)}`;
      const over = limitedSignal(signal, SPARK_WITHIN_MS);
      try {
        await session.toParquet({ id: randomUUID(), sql, params: {} }, file, over);
      } catch (error) {
        if (over.aborted && !signal.aborted) {
          throw stackBroke(`Spark did not finish within ${SPARK_WITHIN_MS / 1_000} s`);
        }
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await starting?.then(
        (session) => session.close(),
        () => {},
      );
    },
  };
}

const quotedName = (name: string) => `\`${name.replaceAll('`', '``')}\``;
