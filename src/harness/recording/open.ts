import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { meansOf } from '../../generators/world/recorded-tape.ts';
import { type ParsedScenario, scenarioProblems } from '../../scenario/parse.ts';
import type { Problem } from '../../scenario/problems.ts';
import type { Recording, TapeUse } from '../../scenario/recording.ts';
import { RECEIPTS } from '../../scenario/scenario.ts';
import { artifactDir } from '../setup/cache.ts';
import { datasetFile, fetchDataset, hasDataset } from '../setup/datasets.ts';
import type { ProvisionOptions } from '../setup/provision.ts';
import { RecordingProblem } from './problem.ts';
import { readRecording } from './read.ts';

/** A scenario, the path of its file as typed, and the folder of that file. */
export interface ScenarioOnDisk extends ParsedScenario {
  readonly file: string;
  readonly dir: string;
}

/**
 * The scenario with the complete recording that it replays; a scenario without one is unchanged. Errors in the file
 * are reported as errors of the scenario (exit 2). A data set is fetched on first use; with `fetch` null it is not
 * read.
 */
export async function withRecording<T extends ScenarioOnDisk>(
  parsed: T,
  cacheDir: string,
  fetch: ProvisionOptions | null,
): Promise<T> {
  const tape = parsed.scenario.traffic[RECEIPTS]?.tape ?? null;
  if (tape === null) return parsed;
  try {
    const path = await pathOf(tape, parsed.dir, fetch, cacheDir);
    return path === null ? parsed : loaded(parsed, tape, await readRecording(path, tape.map));
  } catch (error) {
    if (!(error instanceof RecordingProblem)) throw error;
    const key = error.key === 'tape' ? ['tape'] : ['map', error.key];
    const problem: Problem = {
      path: ['traffic', RECEIPTS, ...key],
      at: 'value',
      message: error.message,
    };
    throw scenarioProblems(parsed, parsed.file, [problem]);
  }
}

async function pathOf(
  { file }: TapeUse,
  dir: string,
  fetch: ProvisionOptions | null,
  cacheDir: string,
): Promise<string | null> {
  const reference = datasetFile(file);
  if (reference === undefined) {
    const path = resolve(dir, file);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) throw new RecordingProblem('tape', `there is no file ${path}`);
    if (!found.isFile()) throw new RecordingProblem('tape', `${path} is not a file`);
    return path;
  }
  if ('fact' in reference) throw new RecordingProblem('tape', reference.fact);
  const { dataset } = reference;
  if (!hasDataset(cacheDir, dataset)) {
    if (fetch === null) return null;
    await fetchDataset(dataset, fetch);
  }
  return join(artifactDir(cacheDir, dataset), reference.file);
}

/** Adds the recording, and its content to the hash, because another recording gives another tape. */
function loaded<T extends ScenarioOnDisk>(parsed: T, tape: TapeUse, recording: Recording): T {
  const { scenario } = parsed;
  const { pos, loyalty } = scenario.traffic;
  if (pos === null) return parsed;
  const replayed = { ...pos, returns: meansOf(recording).returns, tape: { ...tape, recording } };
  const share = recording.member.filter((member) => member >= 0).length / recording.member.length;
  const traffic = {
    ...scenario.traffic,
    pos: replayed,
    loyalty:
      loyalty === null || tape.map.columns.member === undefined ? loyalty : { ...loyalty, share },
  };
  return {
    ...parsed,
    scenario: { ...scenario, traffic },
    hash: createHash('sha256').update(`${parsed.hash} ${recording.sha256}`).digest('hex'),
  };
}
