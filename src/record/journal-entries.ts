import { z } from 'zod';
import { VERDICTS } from '../core/exit-codes.ts';
import { FAULT_ACTS } from '../scenario/scenario.ts';
import { view } from './observed.ts';
import { drain, type Frozen } from './record.ts';

/** The entries of a run's journal: one schema per kind. */

const text = z.string();
const count = z.int().nonnegative();
const place = { topicPrefix: text, namespace: text, apart: z.boolean() };

/** The fields of every kind, besides `atMs` and `kind`. */
const KINDS = {
  'run-begin': {
    ...{ id: text, scenario: text, seed: z.int(), leftovers: z.array(text) },
    /** Process ids of other runs on this machine. */
    otherRuns: z.array(z.int()),
  },
  'run-end': {
    outcome: z.enum(['completed', 'part', 'aborted', 'interrupted', 'stack-broke', 'crashed']),
    verdict: z.enum(VERDICTS).nullable(),
  },
  /** Ids of the merged parts. */
  merge: { parts: z.array(text) },
  step: { text },
  server: { server: text, state: z.enum(['starting', 'ready', 'stopped']), ms: z.number() },
  'phase-begin': { phase: text },
  'phase-end': { phase: text, startMs: z.number(), endMs: z.number(), line: text },
  'not-drained': { round: text, ...drain.shape },
  /** Nothing due at or after this offset from t0 was sent. */
  cut: { cutMs: z.number() },
  /** The jobs are stopped from `atMs` on. */
  stop: { atMs: z.number() },
  /** A view in memory at the end of its stage. */
  view: view.shape,
  fault: {
    ...{ state: z.enum(['asked', 'away', 'back']), act: z.enum(FAULT_ACTS) },
    ...{ server: text, during: text },
  },
  incident: { probe: text, rule: text, fact: text, limit: text },
  facts: { files: count, failed: z.array(z.strictObject({ table: text, reason: text })) },
  'facts-missing': { text },
  /** Rows of each table of dimensions; empty where they were not written. */
  dimensions: { stores: count.optional(), products: count.optional(), members: count.optional() },
  'kafka-client': { text },
  orphans: { keys: z.array(text) },
  'oracle-read-failed': { table: text, engine: text, reason: text },
  removed: { ...place, jobs: count, topics: count, tables: count, objects: count },
  'not-removed': { ...place, text },
  crash: { stack: text.optional() },
} as const satisfies Record<string, z.ZodRawShape>;

type Kinds = typeof KINDS;
export type JournalKind = keyof Kinds;
/** Fields of an entry besides its kind and time; `atMs` if it differs from the time of writing. */
export type JournalFields<K extends JournalKind> = Frozen<z.infer<z.ZodObject<Kinds[K]>>> & {
  readonly atMs?: number;
};

/** One line of events.ndjson: the event's kind, time (epoch ms) and fields. */
export type JournalEntry = {
  [K in JournalKind]: { readonly atMs: number; readonly kind: K } & Frozen<
    z.infer<z.ZodObject<Kinds[K]>>
  >;
}[JournalKind];

const schemas: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(KINDS).map(([kind, fields]) => [
    kind,
    z.strictObject({ atMs: z.number(), kind: z.literal(kind), ...fields }),
  ]),
);

/** Parses a JSON line of a journal; null: not an entry that this version knows. */
export function journalEntry(value: unknown): JournalEntry | null {
  const kind = (value as { readonly kind?: unknown } | null)?.kind;
  const found = schemas.get(String(kind))?.safeParse(value);
  return found?.success ? (found.data as JournalEntry) : null;
}
