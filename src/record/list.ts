import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { badInput } from '../core/errors.ts';
import { RUN_FILES } from './folder.ts';
import { readRecord } from './read.ts';
import type { RunRecord } from './record.ts';

/** One run of a results folder; one that cannot be read is listed with its problem, not skipped. */
export type ListedRun =
  | {
      readonly kind: 'run';
      readonly id: string;
      readonly dir: string;
      readonly scenario: string;
      readonly startedAt: string;
      readonly outcome: RunRecord['outcome'];
      readonly verdict: RunRecord['verdict'];
      readonly headline: string;
      readonly lane: string;
    }
  | {
      readonly kind: 'unreadable';
      readonly id: string;
      readonly dir: string;
      readonly problem: string;
    };

/** Every folder of `resultsDir` that holds a record, oldest first (names begin with the time). */
export function listRuns(resultsDir: string): readonly ListedRun[] {
  if (!existsSync(resultsDir)) return [];
  if (!statSync(resultsDir).isDirectory()) {
    throw badInput(`${resultsDir} is a file, and not a folder that holds runs`, 'doorbuster list');
  }
  return readdirSync(resultsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ id: name, dir: join(resultsDir, name) }))
    .filter(({ dir }) => existsSync(join(dir, RUN_FILES.record)))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(listed);
}

function listed({ id, dir }: { id: string; dir: string }): ListedRun {
  try {
    const { scenario, startedAt, outcome, verdict, headline, environment } = readRecord(dir);
    return {
      kind: 'run',
      id,
      dir,
      scenario: scenario.name,
      startedAt,
      outcome,
      verdict,
      headline: headline.text,
      lane: environment.lane,
    };
  } catch (error) {
    // Whatever is wrong with one record, the others are still listed.
    const problem = error instanceof Error ? error.message : String(error);
    return { kind: 'unreadable', id, dir, problem };
  }
}
