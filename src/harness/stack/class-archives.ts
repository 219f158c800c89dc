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
export interface ArchivedCommand {
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
 * Java 21 gives null for an inner class of an archived class of another loader. Flink's planner, which the gateway loads
 * that way, then fails to compile, at every start from an archive. Java 17 does not.
 */
function works(name: string, javaBuild: string): boolean {
  return name !== 'flink-gateway' || /^JAVA_VERSION="17\b/m.test(javaBuild);
}

/** Where the archives of all runs are, as the servers see it. */
export interface ArchiveStore {
  readonly dir: string;
  /** A file of `dir`, with its size. */
  readonly files: () => readonly { readonly file: string; readonly bytes: number }[];
  /** Folder of this run, to which JVMs write. */
  readonly scratch: string;
  /** What tells one build of Java from another, by the program that is started. */
  readonly javaBuild: (program: string) => string;
  /** Makes the file `written` of scratch, where there is one, the archive of this kind, and removes the other archives of `name`. */
  keep(written: string, its: { readonly name: string; readonly kind: string }): Promise<void>;
}

/**
 * An archive matches one build of Java with one class path: both are in its name, and so is its size. A command without
 * a class path is unchanged, and so is one that does not work from an archive; so is one that must not write while there is no archive, because it would write at every exit.
 */
export function withClassArchive(
  name: string,
  command: Command,
  store: ArchiveStore,
  mayWrite = true,
): ArchivedCommand {
  const at = command.args.indexOf('-cp');
  const build = store.javaBuild(command.program);
  if (at < 0 || !works(name, build)) return { command, writes: false, keep: async () => {} };
  const collectors = command.args.filter((arg) => /^-XX:\+Use\w+GC$/.test(arg));
  const fits = [build, command.args[at + 1], ...collectors];
  const digest = createHash('sha256').update(JSON.stringify(fits)).digest('hex').slice(0, 12);
  const kind = `${name}-${digest}`;
  const archive = wholeArchive(store, kind);
  const written = join(store.scratch, `${name}.jsa`);
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
      if (archive === undefined) await store.keep(written, { name, kind });
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
function wholeArchive({ dir, files }: ArchiveStore, kind: string): string | undefined {
  const whole = files().find(
    ({ file, bytes }) =>
      file.startsWith(`${kind}-`) && /-(\d+)\.jsa$/.exec(file)?.[1] === String(bytes),
  );
  return whole && join(dir, whole.file);
}

/** The archives in a folder of this machine, which may be missing; `scratch` is a folder of this run. */
export function archiveFolder(dir: string, scratch: string): ArchiveStore {
  return {
    dir,
    scratch,
    javaBuild,
    files() {
      if (!existsSync(dir) || !statSync(dir).isDirectory()) return [];
      return readdirSync(dir).map((file) => ({ file, bytes: statSync(join(dir, file)).size }));
    },
    async keep(written, { name, kind }) {
      if (!existsSync(written)) return;
      // Without an archive the next start is only slower: a full disk is no error here.
      await moveInto(dir, written, `${kind}-${statSync(written).size}.jsa`)
        .then((kept) => removeOthers(dir, name, kept))
        .catch(() => {});
    },
  };
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
