import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onPath } from '../setup/on-path.ts';
import type { Command } from './components/component.ts';
import type { Launched } from './server.ts';

/**
 * A JVM command that takes its classes, loaded and verified, from what an earlier process of the
 * same kind has left behind (application class-data sharing, JEP 350), or that leaves them behind
 * itself as it ends. Loading and verifying is half the CPU time of a server's start.
 */
interface ArchivedCommand {
  readonly command: Command;
  /** It writes its classes as it ends: that takes seconds, and only a SIGKILL prevents it. */
  readonly writes: boolean;
  /** It takes them from an archive; left out where there can be none, for want of a class path. */
  readonly fromArchive?: boolean;
  /** After its end: makes what it wrote the archive of the next start. */
  keep(): Promise<void>;
}

/** An archive that does not fit is not used, and its warnings are nobody's concern. */
const QUIET = '-Xlog:cds*=off';
/** Without its checksums, one with a damaged page would crash the JVM, each time anew. */
const CHECKED = '-XX:+VerifySharedSpaces';

/**
 * `dir` keeps the archives of all runs; `scratch` is a folder of this run. An archive fits one build of
 * Java with one class path: both are in its name, and so is its size. A command without a class path stays as it is,
 * and so does one that may not write where there is no archive yet: it would write whenever it is ended.
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
      // Without an archive the next start is slower, and nothing else: a full disk is no error here.
      await moveInto(dir, written, `${kind}-${statSync(written).size}.jsa`)
        .then((kept) => removeOthers(dir, name, kept))
        .catch(() => {});
    },
  };
}

/** What a program that was started with this command tells of its classes. */
export function classesOf(
  archived: ArchivedCommand | null | undefined,
): Pick<Launched, 'keepClasses' | 'fromArchive'> {
  if (archived?.fromArchive === undefined) return {};
  const { fromArchive, writes, keep } = archived;
  return { fromArchive, ...(writes ? { keepClasses: keep } : {}) };
}

/** The archive of this kind. One that has been cut off would keep the JVM from starting at all. */
function wholeArchive(dir: string, kind: string): string | undefined {
  for (const file of existsSync(dir) && statSync(dir).isDirectory() ? readdirSync(dir) : []) {
    const bytes = file.startsWith(`${kind}-`) && /-(\d+)\.jsa$/.exec(file)?.[1];
    if (bytes && statSync(join(dir, file)).size === Number(bytes)) return join(dir, file);
  }
  return undefined;
}

/** Appears whole or not at all, whoever else is writing the same. */
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

/** Archives of former versions would never be used again, at a hundred megabytes each. */
async function removeOthers(dir: string, name: string, kept: string): Promise<void> {
  const same = new RegExp(`^${name}-[0-9a-f]{12}-\\d+\\.jsa$`);
  for (const file of readdirSync(dir)) {
    if (file !== kept && same.test(file)) await rm(join(dir, file), { force: true });
  }
}

/** What tells one build of Java from another. */
function javaBuild(program: string): string {
  const found = program.includes('/') ? program : onPath(program);
  if (found === undefined || !existsSync(found)) return program;
  const real = realpathSync(found);
  const release = join(dirname(real), '..', 'release');
  return existsSync(release) ? readFileSync(release, 'utf8') : real;
}
