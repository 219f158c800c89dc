import type { QueryEngine } from './engine.ts';
import { openSessionReader, type SessionEngine } from './session-reader.ts';
import { NO_ANSWER, SparkSession } from './spark-session.ts';

const SESSIONS: SessionEngine = {
  kind: 'spark',
  start: (options) => SparkSession.start(options),
  // Spark plans a statement for a second or two, in which it does not notice a cancellation.
  stopWithinMs: 10_000,
  unusable: new RegExp(`^${NO_ANSWER}|OutOfMemoryError|stopped SparkContext`),
};

/** Spark, in a session that stays open; a cold query has a new one. */
export const spark: QueryEngine & { readonly kind: 'spark' } = {
  kind: 'spark',
  servers: ['minio', 'catalog'],
  program: 'spark',
  open: (context, options) => openSessionReader(SESSIONS, context, options),
  second: null,
};
