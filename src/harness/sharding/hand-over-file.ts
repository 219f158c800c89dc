import { join } from 'node:path';
import { z } from 'zod';
import { badInput } from '../../core/errors.ts';
import { SERVERS } from '../../core/metrics.ts';
import { literalGlob, quoted } from '../../core/sql.ts';
import { readTextFile } from '../../core/text-file.ts';
import { RUN_FILES } from '../../record/folder.ts';
import { datasetName } from '../../record/metric.ts';
import { layout, maintenance, view } from '../../record/observed.ts';
import { parquetFiles } from '../../record/parquet-files.ts';
import { described } from '../../record/read.ts';
import { drain, phase } from '../../record/record.ts';
import { MAINTENANCE_ACTIONS, ON_DEMAND, STREAMS } from '../../scenario/scenario.ts';
import type { Observed } from '../outcome/observed.ts';

/** Largest accepted file, bytes: far more than a load of a day writes. */
const MAX_FILE_BYTES = 64 * 2 ** 20;

/** Latest accepted time, ms: JavaScript has no later date. */
const MAX_EPOCH_MS = 8.64e15;

const count = z.int().nonnegative();
const epochMs = z.number().min(0).max(MAX_EPOCH_MS);
const durationMs = z.number().nonnegative().max(MAX_EPOCH_MS);

/** Name of a table's copy in the folder `tables` next to the file; it cannot contain SQL. */
const tableFile = z
  .string()
  .regex(/^[a-z_][a-z0-9_]*\.parquet$/, 'must be the name of a Parquet file');

const incident = z.strictObject({
  atMs: epochMs,
  probe: z.string(),
  rule: z.string(),
  fact: z.string(),
  limit: z.string(),
});

const compaction = z.strictObject({
  /** Left out of hand-overs of when Spark was the only kind. */
  by: z.enum(ON_DEMAND).default('spark'),
  outcome: z.enum(['committed', 'failed']),
  error: z.string().nullable(),
  tables: z.array(z.string()),
  startedMs: epochMs,
  engineReadyMs: epochMs.nullable(),
  committedMs: epochMs.nullable(),
  wallMs: durationMs,
  startupMs: durationMs,
  coreSeconds: z.number().nonnegative().nullable(),
  startupCoreSeconds: z.number().nonnegative().nullable(),
  rewrittenFiles: count,
  addedFiles: count,
  rewrittenBytes: count,
  removedDeleteFiles: count.nullable(),
  /** Left out of hand-overs of before there was maintenance. */
  rewrittenManifests: count.default(0),
  expiredFiles: count.default(0),
  removedOrphans: count.default(0),
  removedOrphanBytes: count.default(0),
  steps: z
    .array(
      z.strictObject({
        action: z.enum(MAINTENANCE_ACTIONS),
        startMs: epochMs,
        endMs: epochMs,
        coreSeconds: z.number().nonnegative().nullable(),
      }),
    )
    .default([]),
  output: z.string(),
});

const tables = z.strictObject({
  copies: z.record(datasetName, tableFile),
  absent: z.array(z.string()),
  /** Absent in hand-overs of older versions, and so are the engines. */
  notRead: z.array(z.strictObject({ dataset: datasetName, reason: z.string() })).default([]),
  readBy: z.record(z.string(), z.string()).default({}),
});

/** `hand-over.json`: the observations of the leader of a load. It may come from another machine, so everything is checked. */
const handOverSchema = z.strictObject({
  completed: z.boolean(),
  t0Ms: epochMs,
  cutMs: durationMs.nullable(),
  endedMs: epochMs,
  cores: z.int().positive(),
  /** Left out of hand-overs of before a run said which servers it started. */
  servers: z.array(z.enum(SERVERS)).nullable().default(null),
  clockApartMs: durationMs,
  logs: z
    .array(z.strictObject({ stream: z.enum(STREAMS), part: count, appended: count }))
    .nullable(),
  phases: z.array(phase.extend({ startMs: epochMs, endMs: epochMs })),
  incidents: z.array(incident),
  drains: z.strictObject({
    opening: drain.nullable(),
    final: drain.nullable(),
    /** Only in hand-overs of older versions, before each phase had its own drain. */
    before: drain.nullable().optional(),
  }),
  compactions: z.array(compaction.extend({ phase: z.string() })).optional(),
  /** Only in hand-overs of older versions, before each `compact` phase had a result. */
  compaction: compaction.nullable().optional(),
  maintained: z
    .strictObject({
      runs: z.array(
        compaction.extend({
          actions: z.array(z.enum(MAINTENANCE_ACTIONS)),
          trigger: maintenance.shape.runs.element.shape.trigger,
          phase: z.string(),
        }),
      ),
      waitedMs: maintenance.shape.waitedMs,
    })
    .nullable()
    .default(null),
  /** Left out of hand-overs of before there were views. */
  views: z.array(view).default([]),
  tables: tables.nullable(),
  bucket: layout.shape.bucket,
  missing: z.array(z.string()),
});

/** Text of the file, with the name of each table's copy. */
export function handOverText({ tablesDir: _here, tables: copies, ...observed }: Observed): string {
  const tables = copies && { ...copies, copies: mapped(copies.copies, fileIn) };
  // Not checked here, so that a schema error cannot lose the observations. The reader checks.
  return JSON.stringify({ ...observed, tables });
}

/**
 * Reads the observations of the leader of a load from its folder, which may have been moved. Throws DoorbusterError
 * (exit 2) with the file and the field at fault.
 */
export function readHandOver(dir: string): Observed {
  const path = join(dir, RUN_FILES.handOver);
  const text = readTextFile(path, {
    limitBytes: MAX_FILE_BYTES,
    hint: 'name the complete folder of shard 1, the leader',
  });
  const { tables: named, ...observed } = checked(text, path);
  const tablesDir = join(dir, RUN_FILES.tables);
  const { files } = parquetFiles(tablesDir);
  const sourceOf = (file: string) => {
    const found = files.find(({ name }) => `${name}.parquet` === file);
    if (found !== undefined) return `read_parquet(${quoted(literalGlob(found.path))})`;
    throw badInput(`${path} names ${file}, and ${tablesDir} has no such regular file`);
  };
  const tables = named && { ...named, copies: mapped(named.copies, sourceOf) };
  return { ...observed, compactions: compactionsOf(observed), tables, tablesDir };
}

function compactionsOf({
  phases,
  compactions,
  compaction: one,
}: Pick<z.infer<typeof handOverSchema>, 'phases' | 'compactions' | 'compaction'>) {
  const phase = phases.findLast(({ kind }) => kind === 'compact')?.name ?? '';
  return compactions ?? (one ? [{ ...one, phase }] : []);
}

function checked(text: string, path: string): z.infer<typeof handOverSchema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badInput(`${path} is not JSON: ${(error as Error).message}`, RERUN_HINT);
  }
  const result = handOverSchema.safeParse(value);
  if (result.success) return result.data;
  throw badInput(
    `${path} is not a hand-over file of a shard: ${described(result.error)}`,
    RERUN_HINT,
  );
}

const RERUN_HINT = 'do not edit the file: run the load again';

/** File name of the copy in a source of `readTables`. */
function fileIn(source: string): string {
  return /([a-z0-9_]+\.parquet)'\)$/.exec(source)?.[1] ?? source;
}

function mapped(
  record: Readonly<Record<string, string>>,
  of: (text: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).map(([key, text]) => [key, of(text)]));
}
