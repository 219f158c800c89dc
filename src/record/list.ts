import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { badInput } from '../core/errors.ts';
import { comparisonDir, readComparisonFile } from './comparison-plan.ts';
import { RUN_FILES } from './folder.ts';
import { gateDir, readGateFile } from './gate-plan.ts';
import { readRecord } from './read.ts';
import type { RunRecord } from './record.ts';
import { readSeriesFile, seriesDir } from './series.ts';

/** One run, series, comparison or gate of a results folder; one that cannot be read is listed with its problem, not skipped. */
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
      /** Several trials of one scenario, in a folder of their own. */
      readonly kind: 'series';
      readonly id: string;
      readonly dir: string;
      readonly scenario: string;
      readonly verdict: RunRecord['verdict'];
      /** Requested trials, and those that count. */
      readonly trials: number;
      readonly counted: number;
      /** Folders of the trials that have a record. */
      readonly runs: readonly string[];
    }
  | {
      /** Several designs under the same traffic, in a folder of their own. */
      readonly kind: 'comparison';
      readonly id: string;
      readonly dir: string;
      readonly designs: readonly string[];
      /** Folders of the trials that have a record. */
      readonly runs: readonly string[];
    }
  | {
      /** Two sides in pairs, and what was decided. */
      readonly kind: 'gate';
      readonly id: string;
      readonly dir: string;
      readonly verdict: ReturnType<typeof readGateFile>['verdict'];
      readonly base: string;
      readonly head: string;
      /** Folders of the trials that have a record. */
      readonly runs: readonly string[];
    }
  | {
      readonly kind: 'unreadable';
      readonly id: string;
      readonly dir: string;
      readonly problem: string;
    };

/** Every folder of `resultsDir` that holds a record, a series, a comparison or a gate, oldest first (names begin with the time). */
export function listRuns(resultsDir: string): readonly ListedRun[] {
  if (!existsSync(resultsDir)) return [];
  if (!statSync(resultsDir).isDirectory()) {
    throw badInput(`${resultsDir} is a file, and not a folder that holds runs`, 'doorbuster list');
  }
  return readdirSync(resultsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ id: name, dir: join(resultsDir, name) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap((folder) => {
      if (existsSync(join(folder.dir, RUN_FILES.record))) return [listed(folder, runOf)];
      if (seriesDir(folder.dir) !== null) return [listed(folder, seriesOf)];
      // It has the files of a comparison as well.
      if (gateDir(folder.dir) !== null) return [listed(folder, gateOf)];
      return comparisonDir(folder.dir) === null ? [] : [listed(folder, comparisonOf)];
    });
}

interface Folder {
  readonly id: string;
  readonly dir: string;
}

/** A folder with a problem is listed with it, and does not affect the others. */
function listed(folder: Folder, read: (folder: Folder) => ListedRun): ListedRun {
  try {
    return read(folder);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { kind: 'unreadable', ...folder, problem };
  }
}

function runOf({ id, dir }: Folder): ListedRun {
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
}

function seriesOf({ id, dir }: Folder): ListedRun {
  const { scenario, verdict, trials, counted, runs } = readSeriesFile(dir);
  return {
    ...{ kind: 'series', id, dir, scenario, verdict, trials, counted },
    runs: runs.map(({ run }) => join(dir, run)),
  };
}

function comparisonOf({ id, dir }: Folder): ListedRun {
  const { designs } = readComparisonFile(dir);
  return {
    ...{ kind: 'comparison', id, dir },
    designs: designs.map(({ label }) => label),
    runs: designs.flatMap(({ trials }) => trials.map(({ run }) => join(dir, run))),
  };
}

function gateOf({ id, dir }: Folder): ListedRun {
  const { verdict, base, head } = readGateFile(dir);
  return {
    ...{ kind: 'gate', id, dir, verdict, base: base.label, head: head.label },
    runs: [base, head].flatMap(({ trials }) => trials.map(({ run }) => join(dir, run))),
  };
}
