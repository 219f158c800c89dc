import type { QueryEngine } from './engine.ts';
import { openSessionReader, type SessionEngine } from './session-reader.ts';
import { NO_ANSWER, TrinoSession } from './trino-session.ts';

const SESSIONS: SessionEngine = {
  kind: 'trino',
  start: (options) => TrinoSession.start(options),
  // A cancellation interrupts planning and all tasks.
  stopWithinMs: 10_000,
  unusable: new RegExp(`^${NO_ANSWER}`),
};

/** Trino, in one server that stays open; a cold query has a new one. */
export const trino: QueryEngine & { readonly kind: 'trino' } = {
  kind: 'trino',
  servers: ['minio', 'catalog'],
  program: 'trino',
  open: (context, options) => openSessionReader(SESSIONS, context, options),
  second: null,
};
