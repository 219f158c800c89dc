import type { Endpoints } from '../clients/endpoints.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { DuckDbInstance, type ReaderConfig } from './duckdb-engine.ts';
import type { Reader, ReaderOptions } from './engine.ts';
import { openProcessReader } from './process-reader.ts';

/** DuckDB in a process of its own; rejects when it cannot load its extensions or reach the catalog. */
export function openReader(
  { s3, catalog }: Pick<Endpoints, 's3' | 'catalog'>,
  extensions: Artifacts['duckdbExtensions'],
  options: ReaderOptions,
): Promise<Reader> {
  return openReaderOf(s3, { from: 'catalog', catalog }, extensions, options);
}

/** DuckDB in a process of its own; rejects when it cannot load its extensions or reach the tables. */
export function openReaderOf(
  s3: Endpoints['s3'],
  tables: ReaderConfig['tables'],
  extensions: Artifacts['duckdbExtensions'],
  options: ReaderOptions,
): Promise<Reader> {
  const { clock, threads = 1, memoryMb = 1024, cachesFiles = false } = options;
  const config: ReaderConfig = { s3, tables, extensions, threads, memoryMb, cachesFiles };
  return openProcessReader(clock, (onProcess) => DuckDbInstance.start(config, clock, onProcess));
}
