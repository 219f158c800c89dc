import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { badInput, DoorbusterError } from '../../core/errors.ts';
import { packageRoot } from '../entry.ts';
import { runClient } from './client.ts';
import type { FetchContext, Fetched } from './fetch-context.ts';
import type { LockedJavaBuild } from './lock.ts';
import { javaCommand } from './prerequisites.ts';
import { mismatch } from './verify.ts';

/** Class file version that every supported Java can run. */
const RELEASE = '17';

/**
 * Compiles the Java sources of the package into `lib/`. The compiler and jar are modules of the Java that servers are
 * started with: a headless runtime of most systems has them, although it has no `javac` command.
 */
export async function fetchJavaBuild(
  artifact: LockedJavaBuild,
  { partial, signal, onStep, artifactAt, env }: FetchContext,
): Promise<Fetched> {
  const dir = join(packageRoot, artifact.sources);
  const digest = sourcesDigest(dir);
  const [, locked] = artifact.version.split('+');
  if (!digest.startsWith(`${locked}`)) {
    const hint = `git checkout -- ${artifact.sources}   # or, after a change, put it into stack.lock.json`;
    throw mismatch(artifact.sources, `sha256 ${locked}…`, digest.slice(0, 12), hint);
  }
  const lib = join(artifactAt(artifact.classpath), 'lib');
  const classes = join(partial.work, 'classes');
  const jar = join(partial.files, 'lib', artifact.jar);
  await mkdir(join(partial.files, 'lib'));
  const run = (args: readonly string[]) =>
    runClient({
      ...{ command: javaCommand(), args, cwd: partial.work, env, signal },
      purpose: `compiling ${artifact.name} ${artifact.version}`,
    });
  onStep('compiling');
  try {
    const compiler = ['-m', 'jdk.compiler/com.sun.tools.javac.Main'];
    const version = await run([...compiler, '--version']);
    const options = [
      '--release',
      RELEASE,
      '-proc:none',
      '-cp',
      jarsIn(lib).join(':'),
      '-d',
      classes,
    ];
    await run([...compiler, ...options, ...sourcesIn(dir)]);
    await run(['-m', 'jdk.jartool/sun.tools.jar.Main', '-cf', jar, '-C', classes, '.']);
    return { builtWith: version };
  } catch (error) {
    throw withoutCompiler(error) ?? error;
  }
}

/** SHA-256 over the names and texts of the `.java` files in a folder, in hex. */
export function sourcesDigest(dir: string): string {
  const hash = createHash('sha256');
  for (const path of sourcesIn(dir)) {
    hash.update(`${basename(path)}\0${readFileSync(path, 'utf8')}\0`);
  }
  return hash.digest('hex');
}

function sourcesIn(dir: string): readonly string[] {
  return filesIn(dir, '.java');
}

function jarsIn(dir: string): readonly string[] {
  return filesIn(dir, '.jar');
}

function filesIn(dir: string, ending: string): readonly string[] {
  const names = readdirSync(dir).filter((name) => name.endsWith(ending));
  return names.toSorted().map((name) => join(dir, name));
}

/** The error for a Java runtime without these modules, which some vendors leave out. */
function withoutCompiler(error: unknown): DoorbusterError | undefined {
  const lacked = /Module ((?:jdk|java)\.\w+) not found/.exec((error as Error).message)?.[1];
  if (!(error instanceof DoorbusterError) || lacked === undefined) return undefined;
  return badInput(
    `this Java (${javaCommand()}) has no module ${lacked}: a JDK has it`,
    'install a JDK of 17 or newer (Debian: openjdk-17-jdk-headless), or set JAVA_HOME to one',
  );
}
