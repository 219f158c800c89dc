import type { EngineKind } from '../../topology/manifest.ts';
import { duckdb } from './duckdb.ts';
import { duckdbParquet } from './duckdb-parquet.ts';
import { ducklake } from './ducklake.ts';
import type { QueryEngine } from './engine.ts';
import { inProcess } from './in-process.ts';
import { spark } from './spark.ts';
import { trino } from './trino.ts';
import { warehouseEngine } from './warehouse.ts';

/**
 * The engine of canaries and oracles, whose SQL is DuckDB's: it starts at once, and the same one looks at every pipeline.
 * The others are started only where a run names them.
 */
export function observingEngine(engines: readonly EngineKind[]): QueryEngine {
  if (engines.includes('in-process')) return inProcess;
  if (engines.includes('warehouse')) return warehouseEngine;
  if (engines.includes('ducklake')) return ducklake;
  return engines.includes('duckdb-parquet') ? duckdbParquet : duckdb;
}

/** Every query engine. */
export const ENGINES: { readonly [K in EngineKind]: QueryEngine & { readonly kind: K } } = {
  duckdb,
  spark,
  trino,
  'duckdb-parquet': duckdbParquet,
  warehouse: warehouseEngine,
  ducklake,
  'in-process': inProcess,
};
