import type {
  EngineContext,
  QueryLimits,
  Reader,
  ReaderRow,
} from '../src/harness/engines/engine.ts';
import { ENGINES } from '../src/harness/engines/engines.ts';
import { reasonOf } from '../src/harness/reason.ts';
import type { Stack } from '../src/harness/stack/stack.ts';
import { QUERY_ENGINES, type QueryEngineName } from '../src/scenario/scenario.ts';
import type { BenchContext } from './bench.ts';

/** Query engines over the tables of one stack. Its owner disposes it. */
export interface OpenEngines extends AsyncDisposable {
  readonly readers: ReadonlyMap<QueryEngineName, Reader>;
  /** Those that cannot run here, with the reason. */
  readonly absent: readonly string[];
}

/** Opens every engine that can run here, one next to the other: each is given the whole machine. */
export async function openEngines(
  { artifacts, clock, dir }: BenchContext,
  { stack, namespace }: { readonly stack: Stack; readonly namespace: string },
): Promise<OpenEngines> {
  const readers = new Map<QueryEngineName, Reader>();
  const absent: string[] = [];
  const { duckdbExtensions: extensions } = artifacts;
  const context: EngineContext = { stack, namespace, extensions, logDir: dir };
  for (const engine of QUERY_ENGINES) {
    try {
      readers.set(engine, await ENGINES[engine].open(context, { clock, jit: 'full' }));
    } catch (error) {
      absent.push(`without ${engine}: ${reasonOf(error)}`);
    }
  }
  return {
    ...{ readers, absent },
    async [Symbol.asyncDispose]() {
      for (const reader of readers.values()) await reader.close();
    },
  };
}

/** The rows of an answer. Throws if there is none. */
export async function asked(
  reader: Reader,
  sql: string,
  { timeoutMs }: QueryLimits,
): Promise<readonly ReaderRow[]> {
  const { outcome, error, rows } = await reader.query(sql, {}, { timeoutMs });
  if (outcome !== 'ok') throw new Error(`${sql}: ${outcome}: ${error}`);
  return rows;
}

interface Answer {
  readonly outcome: string;
  readonly error: string | null;
  readonly rows: readonly ReaderRow[];
}

/** Keeps the first answer to a question. Throws for one that failed, and for another answer than the first. */
export class SameAnswer {
  #first: { readonly by: string; readonly rows: string } | null = null;

  check(by: string, { outcome, error, rows }: Answer): void {
    if (outcome !== 'ok') throw new Error(`${by}: ${outcome}: ${error}`);
    const text = JSON.stringify(rows);
    this.#first ??= { by, rows: text };
    if (text !== this.#first.rows) {
      throw new Error(`${by} and ${this.#first.by} have different answers`);
    }
  }
}

/** null: of nothing. */
export function median(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? null;
}
