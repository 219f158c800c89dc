import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { badInput } from '../core/errors.ts';

/** Names of the files in a run's folder. */
export const RUN_FILES = {
  record: 'record.json',
  journal: 'events.ndjson',
  html: 'report.html',
  junit: 'junit.xml',
  markdown: 'report.md',
  /** Of a series of trials, in the folder of their folders. */
  repeat: 'repeat.json',
  repeatMarkdown: 'repeat.md',
  /** Of a comparison, likewise. */
  compare: 'compare.json',
  compareMarkdown: 'compare.md',
  compareHtml: 'compare.html',
  /** Of a gate, next to the files of its comparison. */
  gate: 'gate.json',
  gateMarkdown: 'gate.md',
  gateJunit: 'gate.xml',
  /** Of a gate against records, next to the files of the head's series. */
  against: 'against.json',
  againstMarkdown: 'against.md',
  logs: 'logs',
  dimensions: 'dimensions',
  /** Of the leading shard: its observations, and copies of the tables. */
  handOver: 'hand-over.json',
  tables: 'tables',
} as const;

/** The folder of one run. */
export interface RunFolder {
  /** `<utc>-<scenario>-<id>`: sorts by time, is readable and unique. */
  readonly id: string;
  readonly dir: string;
}

/**
 * Creates `results/<utc>-<scenario>-<id>/`. Two runs may start in the same second: the folder is created
 * without `recursive`, so the second run fails and draws another id.
 */
export function createRunFolder(resultsDir: string, scenario: string, nowMs: number): RunFolder {
  const utc = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const name = scenario.replace(/[^a-zA-Z0-9._]+/g, '-');
  try {
    mkdirSync(resultsDir, { recursive: true });
    for (let attempt = 1; ; attempt++) {
      const id = `${utc}-${name}-${randomBytes(2).toString('hex')}`;
      const dir = join(resultsDir, id);
      try {
        mkdirSync(dir);
        return { id, dir };
      } catch (error) {
        if (attempt === 10 || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  } catch (error) {
    throw badInput(
      `cannot make a run folder in ${resultsDir}: ${(error as Error).message}`,
      'doorbuster run --results DIR (a folder you may write to)',
    );
  }
}

/** Removes the folder of a group of trials if none has begun. */
export function removeIfEmpty(dir: string): void {
  if (readdirSync(dir).length === 0) rmSync(dir, { recursive: true });
}

/**
 * Removes the incomplete files of a killed run. Files are written under a temporary name and renamed when
 * complete, so incomplete ones are recognized by their names. A missing folder is not an error.
 */
export async function removeIncompleteFiles(dir: string): Promise<void> {
  const names = await readdir(dir, { recursive: true }).catch(() => []);
  for (const name of names) {
    if (/\.(tmp|partial)$/.test(name)) await rm(join(dir, name), { force: true });
  }
}
