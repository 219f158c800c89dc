import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { type DoorbusterError, refusedByMachine } from '../core/errors.ts';
import { EXIT } from '../core/exit-codes.ts';
import { RUN_FILES } from './folder.ts';
import {
  type JournalEntry,
  type JournalFields,
  type JournalKind,
  journalEntry,
} from './journal-entries.ts';

/**
 * The append-only journal, written during the run. Each entry is a single `write` of a complete line to a
 * file opened for appending, so a kill loses at most the last line.
 */
export interface Journal extends Disposable {
  note<K extends JournalKind>(kind: K, fields: JournalFields<K>): void;
}

/**
 * Opens or continues the journal of a run folder. The caller disposes it. When the disk is full, it calls `onFull`
 * once and writes no further entries, because half of an entry may be on the disk. Without `onFull`, `note`
 * throws.
 */
export function openJournal(
  dir: string,
  clock: Clock,
  onFull?: (error: DoorbusterError) => void,
): Journal {
  const path = join(dir, RUN_FILES.journal);
  const torn = tornTail(path);
  const file = openSync(path, 'a');
  let state: 'open' | 'full' | 'closed' = 'open';
  const write = (line: string) => {
    try {
      const bytes = Buffer.from(line);
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    } catch (error) {
      const refused = refusedByMachine(error, { path, exitCode: EXIT.stackBroke });
      if (refused === undefined || onFull === undefined) throw refused ?? error;
      state = 'full';
      onFull(refused);
    }
  };
  if (torn !== '') write('\n');
  return {
    note(kind, fields) {
      if (state === 'closed')
        throw new Error(`journal entry '${kind}' after the journal was closed`);
      if (state === 'open') write(`${JSON.stringify({ atMs: clock.nowMs(), kind, ...fields })}\n`);
    },
    [Symbol.dispose]() {
      if (state !== 'closed') closeSync(file);
      state = 'closed';
    },
  };
}

interface ReadJournal {
  readonly entries: readonly JournalEntry[];
  /** Lines of another version: complete, but with a kind or fields that this version does not know. */
  readonly unknown: readonly string[];
  /** Incomplete lines: the last one of a killed run, or none. */
  readonly torn: readonly string[];
}

/** Reads the entries of a journal, in order; torn and unknown lines are returned separately. */
export function readJournal(dir: string): ReadJournal {
  const entries: JournalEntry[] = [];
  const unknown: string[] = [];
  const torn: string[] = [];
  for (const line of readFileSync(join(dir, RUN_FILES.journal), 'utf8').split('\n')) {
    if (line === '') continue;
    const value = parsed(line);
    const entry = value === undefined ? null : journalEntry(value);
    if (entry !== null) entries.push(entry);
    else (value === undefined ? torn : unknown).push(line);
  }
  return { entries, unknown, torn };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

function tornTail(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n').at(-1) ?? '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
