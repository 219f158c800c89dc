import type { EngineKind } from '../../topology/manifest.ts';
import { duckdb } from './duckdb.ts';
import type { QueryEngine } from './engine.ts';
import { inProcess } from './in-process.ts';

/** Every query engine. */
export const ENGINES: { readonly [K in EngineKind]: QueryEngine & { readonly kind: K } } = {
  duckdb,
  'in-process': inProcess,
};
