import { openReaderOf } from './duckdb-reader.ts';
import type { QueryEngine } from './engine.ts';

/** DuckDB over tables of DuckLake, in a process of its own. Every query reads the newest transaction. */
export const ducklake: QueryEngine & { readonly kind: 'ducklake' } = {
  kind: 'ducklake',
  servers: ['minio'],
  program: null,
  open: ({ stack, extensions, namespace }, options) =>
    openReaderOf(stack.endpoints.s3, { from: 'lake', namespace }, extensions, options),
  second: null,
};
