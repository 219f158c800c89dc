import { accessSync, constants, statSync } from 'node:fs';
import { badInput, refusedByMachine } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { bytes } from '../../core/readable.ts';
import { temporaryDirState } from '../setup/user-dirs.ts';
import { freeSpace } from './machine.ts';

/** A folder the run writes to, and what its file system has left. */
export interface Place {
  readonly dir: string;
  readonly freeBytes: number;
  /** Two folders with the same one share what is free. */
  readonly device: number;
}

/** What a run writes, bytes: an estimate. */
export interface DiskNeeds {
  /** The servers' data, while it runs. */
  readonly dataBytes: number;
  /** In the temporary folder while it runs: what the harness writes down. */
  readonly factsBytes: number;
  /** What stays in the run's own folder. */
  readonly keptBytes: number;
}

/** What a run puts in one place. */
interface Need {
  readonly place: Place;
  readonly bytes: number;
  /** Said of it alone, and of it as one among others on the same file system. */
  readonly alone: string;
  readonly among: string;
  /** The command line that puts it elsewhere. */
  readonly hint: string;
}

/** Where a run writes. */
interface Places {
  /** The servers' data; null where nobody here knows what room there is. */
  readonly data: Place | null;
  /** What the harness writes down while it goes on. */
  readonly work: Place;
  readonly results: Place;
}

/** What a run would run out of, or null. `reproduce` is the command line to try again. */
export function roomProblem(
  estimate: DiskNeeds,
  places: Places,
  reproduce: string,
): { readonly message: string; readonly hint: string } | null {
  const needs = needsOf(estimate, places, reproduce);
  for (const need of needs) {
    const { dir, device, freeBytes } = need.place;
    const others = needs.filter((other) => other !== need && other.place.device === device);
    const needBytes = [need, ...others].reduce((sum, { bytes: its }) => sum + its, 0);
    if (freeBytes >= needBytes) continue;
    const what =
      others.length === 0
        ? need.alone
        : `, with what ${others.map(({ among }) => among).join(' and ')}`;
    const message =
      `not enough disk space in ${dir}: the run needs about ${bytes(needBytes)} there${what}, ` +
      `and ${bytes(freeBytes)} are free`;
    return { message, hint: need.hint };
  }
  return null;
}

function needsOf(
  estimate: DiskNeeds,
  { data, work, results }: Places,
  reproduce: string,
): readonly Need[] {
  const together = data?.dir === work.dir;
  const need = (place: Place, size: number, alone: string, among: string, hint: string): Need => ({
    ...{ place, bytes: size, alone, among: `${among} ${place.dir}`, hint },
  });
  const meanwhile = ' while it goes on';
  const roomier = `TMPDIR=/a/larger/folder ${reproduce}`;
  const workBytes = estimate.factsBytes + (together ? estimate.dataBytes : 0);
  return [
    ...(data === null || together
      ? []
      : [
          need(
            data,
            estimate.dataBytes,
            meanwhile,
            'goes to',
            'docker system df   # then docker system prune',
          ),
        ]),
    need(work, workBytes, meanwhile, 'goes to', roomier),
    need(
      results,
      estimate.keptBytes,
      ' for good',
      'stays in',
      `${reproduce} --results /a/larger/folder`,
    ),
  ];
}

/** `dataDir` is where the servers' data would go, null where that is out of sight. */
export function placesOf(resultsDir: string, dataDir: string | null): Places {
  const place = (dir: string): Place => ({ dir, ...freeSpace(dir) });
  return {
    data: dataDir === null ? null : place(dataDir),
    work: place(temporaryDirState().dir),
    results: place(resultsDir),
  };
}

/** Throws DoorbusterError (exit 2) when a file system cannot hold what the run is estimated to write. */
export function requireDiskSpace(estimate: DiskNeeds, places: Places, reproduce: string): void {
  const problem = roomProblem(estimate, places, reproduce);
  if (problem !== null) throw badInput(problem.message, problem.hint);
}

/** Throws DoorbusterError (exit 2) when this user may not write to one of these folders, or not make it. */
export function refuseUnwritable(dirs: readonly string[]): void {
  for (const dir of dirs) {
    const { at } = freeSpace(dir);
    if (!statSync(at).isDirectory()) {
      throw badInput(`cannot write to ${dir}: ${at} is a file`, `name a folder; ls -l ${at}`);
    }
    try {
      accessSync(at, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw refusedByMachine(error, { path: dir, exitCode: EXIT.badInput }) ?? error;
    }
  }
}
