import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { badInput, refusedByMachine } from '../core/errors.ts';
import { EXIT } from '../core/exit-codes.ts';
import { bytes } from '../core/readable.ts';
import type { Estimate } from './estimate.ts';
import { freeSpace } from './setup/machine.ts';

/** A folder the run writes to, and what its file system has left. */
export interface Place {
  readonly dir: string;
  readonly freeBytes: number;
  /** Two folders with the same one share what is free. */
  readonly device: number;
}

/** What a run would run out of, or null. `reproduce` is the command line to try again. */
export function roomProblem(
  { workBytes, keptBytes }: Pick<Estimate, 'workBytes' | 'keptBytes'>,
  { work, results }: { readonly work: Place; readonly results: Place },
  reproduce: string,
): { readonly message: string; readonly hint: string } | null {
  const shared = work.device === results.device;
  const elsewhere = {
    work: `TMPDIR=/a/roomier/folder ${reproduce}`,
    results: `${reproduce} --results /a/roomier/folder`,
  };
  const short = (needBytes: number, { dir, freeBytes }: Place, what: string) =>
    `not enough room in ${dir}: the run needs about ${bytes(needBytes)} there${what}, ` +
    `and ${bytes(freeBytes)} are free`;
  const workNeed = workBytes + (shared ? keptBytes : 0);
  if (work.freeBytes < workNeed) {
    const what = shared ? `, with what stays in ${results.dir}` : ' while it goes on';
    return { message: short(workNeed, work, what), hint: elsewhere.work };
  }
  if (!shared && results.freeBytes < keptBytes) {
    return { message: short(keptBytes, results, ' for good'), hint: elsewhere.results };
  }
  return null;
}

/** Where a run writes: its data while it goes on, and its results. */
export function placesOf(resultsDir: string): { readonly work: Place; readonly results: Place } {
  const place = (dir: string): Place => ({ dir, ...freeSpace(dir) });
  return { work: place(tmpdir()), results: place(resultsDir) };
}

/** Throws DoorbusterError (exit 2) when a file system cannot hold what the run is estimated to write. */
export function refuseWithoutRoom(estimate: Estimate, resultsDir: string, reproduce: string): void {
  const problem = roomProblem(estimate, placesOf(resultsDir), reproduce);
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
