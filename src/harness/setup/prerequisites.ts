import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { badInput, type DoorbusterError } from '../../core/errors.ts';
import { runClient } from './client.ts';
import { type LockedArtifact, thisPlatform } from './lock.ts';
import { onPath } from './on-path.ts';
import { postgresProgram } from './postgres.ts';
import { TRINO_JAVA, trinoJavaCommand } from './trino-java.ts';
import {
  atLeast,
  formatVersion,
  parseJavaVersion,
  parseVersion,
  type VersionNumber,
} from './versions.ts';

/** Programs that must be installed on the machine. */
export type Tool =
  | 'node'
  | 'java'
  | 'java25'
  | 'maven'
  | 'python'
  | 'pip'
  | 'go'
  | 'redis'
  | 'postgres';

/** A program that must be installed, and what was found. */
export interface Prerequisite {
  readonly tool: Tool;
  /** The requirement in words, with the tested versions. */
  readonly needs: string;
  /** As the program reports it; undefined if it is not installed. */
  readonly version: string | undefined;
  readonly ok: boolean;
  /** It is new enough, but not a tested version. */
  readonly untried: boolean;
}

interface ToolCheck {
  readonly needs: string;
  /** A function, because some programs are looked for on the disk: only a check of that tool does so. */
  readonly command: () => readonly [string, ...string[]];
  readonly parse: (text: string) => VersionNumber;
  readonly least: VersionNumber;
  readonly tried: (version: VersionNumber) => boolean;
}

/** The Java that starts the servers: JAVA_HOME's if it is set, otherwise the one on PATH. */
export function javaCommand(env: NodeJS.ProcessEnv = process.env): string {
  return env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java';
}

const anyVersion = () => true;

/** Go only has to be able to fetch modules: if it is too old to build, it fetches a compiler. */
const TOOLS: Readonly<Record<Tool, ToolCheck>> = {
  node: {
    needs: 'Node 20.19 or newer',
    command: () => [process.execPath, '--version'],
    parse: parseVersion,
    least: [20, 19, 0],
    tried: anyVersion,
  },
  java: {
    needs: 'Java 17 or newer (tested with 17 and 21)',
    command: () => [javaCommand(), '-version'],
    parse: parseJavaVersion,
    least: [17, 0, 0],
    tried: ([major]) => major === 17 || major === 21,
  },
  java25: {
    needs: `a JDK of ${TRINO_JAVA} or newer for Trino (in TRINO_JAVA_HOME, JAVA_HOME or /usr/lib/jvm; tested with ${TRINO_JAVA})`,
    command: () => [trinoJavaCommand(), '-version'],
    parse: parseJavaVersion,
    least: [TRINO_JAVA, 0, 0],
    tried: ([major]) => major === TRINO_JAVA,
  },
  maven: {
    needs: 'Maven 3.6.3 or newer (tested with 3.8)',
    command: () => ['mvn', '--version'],
    parse: (text) => parseVersion(/Apache Maven (\S+)/.exec(text)?.[1] ?? ''),
    least: [3, 6, 3],
    tried: anyVersion,
  },
  python: {
    needs: 'Python 3.10 or newer (tested with 3.11)',
    command: () => ['python3', '--version'],
    parse: parseVersion,
    least: [3, 10, 0],
    tried: anyVersion,
  },
  pip: {
    needs: 'pip 22 or newer (tested with 23)',
    command: () => ['python3', '-m', 'pip', '--version'],
    parse: parseVersion,
    least: [22, 0, 0],
    tried: anyVersion,
  },
  go: {
    needs:
      thisPlatform === 'linux-x64'
        ? 'Go 1.19 or newer (tested with 1.26), or a minio on PATH'
        : 'Go 1.24 or newer, or a minio on PATH',
    command: () => ['go', 'version'],
    parse: (text) => parseVersion(/\bgo(\d\S*)/.exec(text)?.[1] ?? ''),
    least: thisPlatform === 'linux-x64' ? [1, 19, 0] : [1, 24, 0],
    tried: anyVersion,
  },
  redis: {
    needs: 'Redis 7 or newer (tested with 7.0 and 8.0)',
    command: () => ['redis-server', '--version'],
    parse: (text) => parseVersion(/\bv=(\S+)/.exec(text)?.[1] ?? ''),
    least: [7, 0, 0],
    tried: ([major]) => major === 7 || major === 8,
  },
  postgres: {
    needs: 'PostgreSQL 15 or newer (on PATH or in /usr/lib/postgresql; tested with 15 and 17)',
    command: () => [postgresProgram(), '--version'],
    parse: (text) => parseVersion(/\bPostgreSQL\) (\S+)/.exec(text)?.[1] ?? ''),
    least: [15, 0, 0],
    tried: ([major]) => major === 15 || major === 17,
  },
};

const NEEDED_TO_FETCH: Readonly<Record<LockedArtifact['kind'], readonly Tool[]>> = {
  maven: ['maven'],
  'pypi-sdist': ['python', 'pip'],
  'pypi-wheels': ['python', 'pip'],
  'pypi-dataset': ['python', 'pip'],
  'go-build': ['go'],
  'java-build': ['java'],
};

/** The Java that runs the jars of an artifact. */
function javaFor(artifact: LockedArtifact): readonly Tool[] {
  if (artifact.kind === 'maven') return [artifact.java === undefined ? 'java' : 'java25'];
  return artifact.kind === 'pypi-sdist' ? ['java'] : [];
}

/** The tools for the needed artifacts, of which the missing ones have to be fetched. Needed jars also require Java. */
export function toolsFor(
  needed: readonly LockedArtifact[],
  missing: readonly LockedArtifact[] = needed,
): readonly Tool[] {
  const fetching = missing.flatMap((artifact) => NEEDED_TO_FETCH[artifact.kind]);
  return [...new Set<Tool>(['node', ...needed.flatMap(javaFor), ...fetching])];
}

/** Runs each tool's version command, in parallel. */
export function checkTools(tools: readonly Tool[]): Promise<readonly Prerequisite[]> {
  return Promise.all(tools.map(checkTool));
}

async function checkTool(tool: Tool): Promise<Prerequisite> {
  const { needs, command, parse, least, tried } = TOOLS[tool];
  const [program, ...args] = command();
  try {
    const env = { ...process.env, GOTOOLCHAIN: 'local' };
    const said = await promisify(execFile)(program, args, { env, timeout: 30_000 });
    return judge(tool, `${said.stdout}${said.stderr}`, { needs, parse, least, tried });
  } catch {
    return { tool, needs, version: undefined, ok: false, untried: false };
  }
}

function judge(
  tool: Tool,
  text: string,
  { needs, parse, least, tried }: Omit<ToolCheck, 'command'>,
): Prerequisite {
  const version = parse(text);
  const ok = atLeast(version, least);
  return { tool, needs, version: formatVersion(version), ok, untried: ok && !tried(version) };
}

/** Judges the output of a tool's version command; exported for tests. */
export function judgeVersion(tool: Tool, text: string): Prerequisite {
  return judge(tool, text, TOOLS[tool]);
}

/** An operating system by /etc/os-release; its family determines the install command. */
interface OperatingSystem {
  readonly family: 'debian' | 'fedora' | 'macos' | 'other';
  /** Debian's own release number; 0 for its derivatives and for everything else. */
  readonly debian: number;
}

/** The operating system from the text of /etc/os-release (empty if there is none) and Node's platform. */
export function parseOsRelease(text: string, platform: string): OperatingSystem {
  if (platform === 'darwin') return { family: 'macos', debian: 0 };
  const field = (name: string) =>
    new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1]?.split(' ') ?? [];
  const ids = [...field('ID'), ...field('ID_LIKE')];
  const debian = ids[0] === 'debian' ? Number(field('VERSION_ID')[0] ?? 0) : 0;
  if (ids.includes('debian')) return { family: 'debian', debian };
  if (ids.some((id) => id === 'fedora' || id === 'rhel')) return { family: 'fedora', debian: 0 };
  return { family: 'other', debian: 0 };
}

/** This machine's operating system. */
export function thisOs(): OperatingSystem {
  try {
    return parseOsRelease(readFileSync('/etc/os-release', 'utf8'), process.platform);
  } catch {
    return parseOsRelease('', process.platform);
  }
}

/** The Debian packages of these tools. Debian 13 no longer has Java 17. */
function debianPackages(tools: readonly Tool[], os: OperatingSystem): readonly string[] {
  const packages: Record<Tool, readonly string[]> = {
    node: ['nodejs'],
    java: [os.debian >= 13 ? 'openjdk-21-jre-headless' : 'openjdk-17-jre-headless'],
    // Debian 12 has none: there this is a package of Adoptium's repository.
    java25: [os.debian === 12 ? 'temurin-25-jdk' : 'openjdk-25-jdk-headless'],
    maven: ['maven'],
    python: ['python3'],
    pip: ['python3', 'python3-pip'],
    go: ['golang-go'],
    redis: ['redis-server'],
    postgres: ['postgresql'],
  };
  return [...new Set(tools.flatMap((tool) => packages[tool]))];
}

/** A command line that installs these tools, for this user on this system. */
export function installLine(tools: readonly Tool[], os: OperatingSystem, isRoot: boolean): string {
  const sudo = isRoot ? '' : 'sudo ';
  const names = (map: Record<Tool, string>) =>
    [...new Set(tools.map((tool) => map[tool]))].join(' ');
  switch (os.family) {
    case 'debian': {
      const packages = debianPackages(tools, os).join(' ');
      return `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends ${packages}`;
    }
    case 'fedora':
      return `${sudo}dnf install -y ${names({
        node: 'nodejs',
        java: 'java-17-openjdk-headless',
        java25: 'java-25-openjdk-devel',
        maven: 'maven',
        python: 'python3',
        pip: 'python3-pip',
        go: 'golang',
        redis: 'redis',
        postgres: 'postgresql-server',
      })}`;
    case 'macos':
      return `brew install ${names({
        node: 'node@20',
        java: 'openjdk@17',
        java25: 'openjdk@25',
        maven: 'maven',
        python: 'python',
        pip: 'python',
        go: 'go',
        redis: 'redis',
        postgres: 'postgresql@17',
      })}`;
    case 'other':
      return `install ${tools.map((tool) => TOOLS[tool].needs).join('; ')}`;
  }
}

interface EnsureOptions {
  /** The needed artifacts, and those of them that have to be fetched: they determine the tools. */
  readonly needed: readonly LockedArtifact[];
  readonly missing: readonly LockedArtifact[];
  /** Programs that servers are, besides. */
  readonly tools: readonly Tool[];
  /** The user passed `--yes`, or CI=true. */
  readonly mayInstall: boolean;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/**
 * Makes sure that every tool is installed: installs missing ones if it may (root on Debian, `mayInstall`), and
 * otherwise throws DoorbusterError (exit 2) with a command line to copy.
 */
export async function ensurePrerequisites(options: EnsureOptions): Promise<void> {
  const tools = [...toolsFor(options.needed, options.missing), ...options.tools];
  const lacking = (await checkTools(tools)).filter((found) => !found.ok);
  if (lacking.length === 0) return;
  const os = thisOs();
  const isRoot = process.getuid?.() === 0;
  const canInstall = isRoot && os.family === 'debian' && onPath('apt-get') !== undefined;
  if (!canInstall || !options.mayInstall || lacking.some((one) => one.tool === 'node')) {
    throw missingToolsError(lacking, os, isRoot, canInstall && !options.mayInstall);
  }
  await aptInstall(
    debianPackages(
      lacking.map((one) => one.tool),
      os,
    ),
    options,
  );
  const still = (await checkTools(tools)).filter((found) => !found.ok);
  if (still.length > 0)
    throw missingToolsError(still, { family: 'other', debian: 0 }, isRoot, false);
}

/** Whether CI=true (or 1) is in the environment: on unattended machines tools may be installed. */
export function isCi(env: NodeJS.ProcessEnv = process.env): boolean {
  return env.CI === 'true' || env.CI === '1';
}

async function aptInstall(packages: readonly string[], options: EnsureOptions): Promise<void> {
  const call = {
    command: 'apt-get',
    cwd: '/',
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    signal: options.signal,
    onLine: options.onLine,
    purpose: `installing ${packages.join(', ')}`,
  };
  await runClient({ ...call, args: ['update'] });
  await runClient({ ...call, args: ['install', '-y', '--no-install-recommends', ...packages] });
}

function missingToolsError(
  lacking: readonly Prerequisite[],
  os: OperatingSystem,
  isRoot: boolean,
  yesWouldDo: boolean,
): DoorbusterError {
  const facts = lacking.map(
    (one) => `${one.needs}: ${one.version ? `this is ${one.version}` : 'not found'}`,
  );
  const line = installLine(
    lacking.map((one) => one.tool),
    os,
    isRoot,
  );
  // Trino has no image.
  const inImages = !lacking.some(({ tool }) => tool === 'java25');
  return badInput(
    `this machine lacks ${facts.join('; ')}${
      inImages
        ? '. With a container engine, a run that starts its own servers needs none of these'
        : ''
    }`,
    yesWouldDo ? `${line}   (or let doorbuster do it: --yes)` : line,
  );
}
