import type { EngineKind } from '../../topology/manifest.ts';
import { duckdb } from './duckdb.ts';
import type { QueryEngine } from './engine.ts';
import { inProcess } from './in-process.ts';

/** Every engine that a pipeline's queries can be put to. */
export const ENGINES: { readonly [K in EngineKind]: QueryEngine & { readonly kind: K } } = {
  duckdb,
  'in-process': inProcess,
};
