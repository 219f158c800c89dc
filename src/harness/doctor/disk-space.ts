import { accessSync, constants, statSync } from 'node:fs';
import { badInput, DoorbusterError, refusedByMachine } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { bytes } from '../../core/readable.ts';
import { temporaryDirState } from '../setup/user-dirs.ts';
import { freeSpace } from './machine.ts';

/** A folder that the run writes to, and the free space of its file system. */
export interface RunFolder {
  readonly dir: string;
  readonly freeBytes: number;
  /** Folders on the same device share its free space. */
  readonly device: number;
}

/** Estimate of what a run writes, bytes. */
export interface DiskNeeds {
  /** The servers' data during the run. */
  readonly dataBytes: number;
  /** The harness's files in the temporary folder during the run. */
  readonly factsBytes: number;
  /** The files that stay in the output directory. */
  readonly keptBytes: number;
}

/** What a run writes into one folder. */
interface DiskNeed {
  readonly folder: RunFolder;
  readonly bytes: number;
  /** Its text in the message: by itself, and in a list with others on the same file system. */
  readonly alone: string;
  readonly among: string;
  /** The command line that writes it to another folder. */
  readonly hint: string;
}

/** The folders that a run writes to. */
interface RunFolders {
  /** The servers' data; null if their free space is unknown. */
  readonly data: RunFolder | null;
  /** The harness's files during the run. */
  readonly work: RunFolder;
  readonly results: RunFolder;
}

/** With less than this no server can write its next segment or file, bytes. */
const FULL_BYTES = 4 * 2 ** 20;

/**
 * Why a run broke, with the full disk that is behind it: a server that cannot write may hang without a word, or lose its
 * last words on the same disk. Asked as it breaks, since its end frees space. Another reason is returned as it is.
 */
export function withFullDisk(reason: unknown, dirs: readonly string[]): unknown {
  if (!(reason instanceof DoorbusterError)) return reason;
  for (const dir of dirs) {
    const { at, freeBytes } = freeSpace(dir);
    if (freeBytes >= FULL_BYTES) continue;
    return new DoorbusterError(
      `${reason.message}; the disk of ${at} is full, ${bytes(freeBytes)} are free`,
      { exitCode: reason.exitCode, hint: `df -h ${at}`, cause: reason.cause },
    );
  }
  return reason;
}

/** The file system that is too small for a run, as a message; null: there is none. `reproduce` is the command line to try again. */
export function diskSpaceProblem(
  estimate: DiskNeeds,
  folders: RunFolders,
  reproduce: string,
): { readonly message: string; readonly hint: string } | null {
  const needs = needsOf(estimate, folders, reproduce);
  for (const need of needs) {
    const { dir, device, freeBytes } = need.folder;
    const others = needs.filter((other) => other !== need && other.folder.device === device);
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
  { data, work, results }: RunFolders,
  reproduce: string,
): readonly DiskNeed[] {
  const together = data?.dir === work.dir;
  const need = (
    folder: RunFolder,
    size: number,
    alone: string,
    among: string,
    hint: string,
  ): DiskNeed => ({
    ...{ folder, bytes: size, alone, among: `${among} ${folder.dir}`, hint },
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

/** `dataDir` is the folder of the servers' data; null if it cannot be seen from here. */
export function foldersOf(resultsDir: string, dataDir: string | null): RunFolders {
  const folderOf = (dir: string): RunFolder => ({ dir, ...freeSpace(dir) });
  return {
    data: dataDir === null ? null : folderOf(dataDir),
    work: folderOf(temporaryDirState().dir),
    results: folderOf(resultsDir),
  };
}

/** Throws DoorbusterError (exit 2) when a file system cannot hold what the run is estimated to write. */
export function requireDiskSpace(
  estimate: DiskNeeds,
  folders: RunFolders,
  reproduce: string,
): void {
  const problem = diskSpaceProblem(estimate, folders, reproduce);
  if (problem !== null) throw badInput(problem.message, problem.hint);
}

/** Throws DoorbusterError (exit 2) when this user may not write to one of these folders, or may not create it. */
export function requireWritable(dirs: readonly string[]): void {
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
