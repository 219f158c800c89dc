import { openReaderOf } from './duckdb-reader.ts';
import type { QueryEngine } from './engine.ts';

/**
 * DuckDB over Parquet files that batches publish, in a process of its own. Every query begins by asking for a newer batch,
 * and reads all of its tables as of one.
 */
export const duckdbParquet: QueryEngine & { readonly kind: 'duckdb-parquet' } = {
  kind: 'duckdb-parquet',
  servers: ['minio'],
  program: null,
  open: ({ stack, extensions, namespace }, options) =>
    openReaderOf(stack.endpoints.s3, { from: 'batches', namespace }, extensions, options),
  second: null,
};
