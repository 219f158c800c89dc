import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onPath } from '../setup/on-path.ts';
import type { Command } from './components/component.ts';
import type { Launched } from './server.ts';

/**
 * A JVM command that uses the class archive of an earlier process of the same kind (application class-data
 * sharing, JEP 350), or writes one at its exit. Loading and verifying classes is half the CPU time of a
 * server's start.
 */
interface ArchivedCommand {
  readonly command: Command;
  /** Whether it writes an archive at its exit, which takes seconds, and only a SIGKILL prevents. */
  readonly writes: boolean;
  /** Whether it uses an archive; absent if there can be none, because the command has no class path. */
  readonly fromArchive?: boolean;
  /** To be called after its exit: makes the written archive that of the next start. */
  keep(): Promise<void>;
}

/** An archive that does not match is not used: its warnings are not needed. */
const QUIET = '-Xlog:cds*=off';
/** Verifies the archive's checksums: a damaged page would crash the JVM at every start. */
const CHECKED = '-XX:+VerifySharedSpaces';

/**
 * `dir` has the archives of all runs; `scratch` is a folder of this run. An archive matches one build of Java with one
 * class path: both are in its name, and so is its size. A command without a class path is unchanged; so is one that must
 * not write while there is no archive, because it would write at every exit.
 */
export function withClassArchive(
  name: string,
  command: Command,
  {
    dir,
    scratch,
    mayWrite = true,
  }: { readonly dir: string; readonly scratch: string; readonly mayWrite?: boolean },
): ArchivedCommand {
  const at = command.args.indexOf('-cp');
  if (at < 0) return { command, writes: false, keep: async () => {} };
  const collectors = command.args.filter((arg) => /^-XX:\+Use\w+GC$/.test(arg));
  const fits = [javaBuild(command.program), command.args[at + 1], ...collectors];
  const digest = createHash('sha256').update(JSON.stringify(fits)).digest('hex').slice(0, 12);
  const kind = `${name}-${digest}`;
  const archive = wholeArchive(dir, kind);
  const written = join(scratch, `${name}.jsa`);
  const flags = archive
    ? [`-XX:SharedArchiveFile=${archive}`, CHECKED, QUIET]
    : mayWrite
      ? [`-XX:ArchiveClassesAtExit=${written}`, CHECKED, QUIET]
      : [];
  return {
    command: { ...command, args: [...flags, ...command.args] },
    writes: archive === undefined && mayWrite,
    fromArchive: archive !== undefined,
    async keep() {
      if (archive || !existsSync(written)) return;
      // Without an archive the next start is only slower: a full disk is no error here.
      await moveInto(dir, written, `${kind}-${statSync(written).size}.jsa`)
        .then((kept) => removeOthers(dir, name, kept))
        .catch(() => {});
    },
  };
}

/** The class archive fields of a program that was started with this command. */
export function classesOf(
  archived: ArchivedCommand | null | undefined,
): Pick<Launched, 'keepClasses' | 'fromArchive'> {
  if (archived?.fromArchive === undefined) return {};
  const { fromArchive, writes, keep } = archived;
  return { fromArchive, ...(writes ? { keepClasses: keep } : {}) };
}

/** The complete archive of this kind: with a truncated one the JVM would not start. */
function wholeArchive(dir: string, kind: string): string | undefined {
  for (const file of existsSync(dir) && statSync(dir).isDirectory() ? readdirSync(dir) : []) {
    const bytes = file.startsWith(`${kind}-`) && /-(\d+)\.jsa$/.exec(file)?.[1];
    if (bytes && statSync(join(dir, file)).size === Number(bytes)) return join(dir, file);
  }
  return undefined;
}

/** Moves a file to its final name atomically, even if another process writes the same. */
async function moveInto(dir: string, written: string, file: string): Promise<string> {
  const partial = join(dir, `${file}.${process.pid}`);
  try {
    await mkdir(dir, { recursive: true });
    await copyFile(written, partial);
    await rename(partial, join(dir, file));
    return file;
  } finally {
    await rm(partial, { force: true });
  }
}

/** Removes archives of former versions, which have a hundred megabytes each and are never used again. */
async function removeOthers(dir: string, name: string, kept: string): Promise<void> {
  const same = new RegExp(`^${name}-[0-9a-f]{12}-\\d+\\.jsa$`);
  for (const file of readdirSync(dir)) {
    if (file !== kept && same.test(file)) await rm(join(dir, file), { force: true });
  }
}

/** Identity of a build of Java. */
function javaBuild(program: string): string {
  const found = program.includes('/') ? program : onPath(program);
  if (found === undefined || !existsSync(found)) return program;
  const real = realpathSync(found);
  const release = join(dirname(real), '..', 'release');
  return existsSync(release) ? readFileSync(release, 'utf8') : real;
}
