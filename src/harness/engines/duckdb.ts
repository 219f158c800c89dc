import { openReader } from './duckdb-reader.ts';
import type { QueryEngine } from './engine.ts';
import { sparkExports } from './spark-exports.ts';

/** DuckDB over the Iceberg catalog, in a process of its own. Where it cannot read a table for the oracles, Spark does. */
export const duckdb: QueryEngine & { readonly kind: 'duckdb' } = {
  kind: 'duckdb',
  servers: ['minio', 'catalog'],
  program: null,
  open: ({ stack, extensions }, options) => openReader(stack.endpoints, extensions, options),
  second: sparkExports,
};
