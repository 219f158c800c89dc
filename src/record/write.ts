import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { refusedByMachine } from '../core/errors.ts';
import { EXIT, type ExitCode } from '../core/exit-codes.ts';
import { RUN_FILES } from './folder.ts';
import { RECORD_VERSION, type RunRecord, recordSchema, type UnmeasuredRecord } from './record.ts';

/** Fields of a run that are known before anything is started. */
type KnownAtStart = Pick<
  RunRecord,
  'id' | 'scenario' | 'seed' | 'startedAt' | 'environment' | 'stack' | 'pipeline' | 'reproduce'
>;

/**
 * The first record of a run, which says `interrupted`: it is written at the start, so that a kill at any time
 * leaves a valid record.
 */
export function startedRecord(known: KnownAtStart): UnmeasuredRecord {
  return {
    version: RECORD_VERSION,
    ...known,
    outcome: 'interrupted',
    ...NOTHING_MEASURED,
    t0Ms: null,
    tookMs: null,
    exitCode: EXIT.interrupted,
    headline: { text: 'the run was interrupted before its first measurement', warnings: [] },
    failures: [],
    notRecorded: [],
  };
}

/** The sections of a run without measurements. */
const NOTHING_MEASURED = {
  measured: false,
  ...{ verdict: null, endedMs: null, phases: [], faults: [], drain: null },
  ...{ metrics: [], staleness: [], storeAge: [], waterfall: [], changes: [] },
  ...{ layout: null, queries: null, truth: null, regressions: null },
  ...{ promises: null, canaries: null, producing: null, self: null, cost: null },
  ...{ compactions: [], invalid: [], checks: [] },
} as const satisfies Partial<UnmeasuredRecord>;

/**
 * Writes record.json completely or not at all: temporary file, fsync, rename. A record that violates its schema is a
 * bug and throws; so does a NaN or an Infinity, which JSON would silently turn to null.
 */
export function writeRecord(dir: string, record: RunRecord): void {
  writeAtomically(join(dir, RUN_FILES.record), recordText(record));
}

/** The text of record.json: checked against the schema, series of numbers on one line each. */
export function recordText(record: RunRecord): string {
  const text = JSON.stringify(recordSchema.parse(record), null, 1);
  // A raw line break never occurs inside a JSON string, so only arrays of numbers can match.
  return `${text.replace(/\[\n[^[\]{}"]*\]/g, (list) => list.replace(/\n\s*/g, ''))}\n`;
}

/**
 * Replaces a file in one step: a reader sees the old text or the new one. Throws DoorbusterError (exit 3,
 * or `exitCode`) when the disk is full or refuses, or no file can have that path; the old text then stays.
 */
export function writeAtomically(
  path: string,
  text: string,
  { mode = 0o666, exitCode = EXIT.stackBroke }: { mode?: number; exitCode?: ExitCode } = {},
): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, 'w', mode);
    try {
      // writeFileSync repeats partial writes: on a nearly full disk a single write may write a part and report success.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw refusedByMachine(error, { file: path, exitCode }) ?? error;
  }
}
