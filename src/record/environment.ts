import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { basename, dirname } from 'node:path';
import { packageRoot } from '../core/package-root.ts';
import type { Environment } from './record.ts';

/** The part of the environment that depends on the stack. */
interface StackFacts {
  /** The runtime that started the servers, e.g. `processes`. */
  readonly runtime: string;
  /** Versions of every server. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The version of a library that doorbuster uses, which its package pins. */
export function libraryVersion(name: string): string {
  const { dependencies } = packageJson();
  const version = dependencies[name];
  if (version === undefined) throw new Error(`package.json has no dependency ${name}`);
  return version;
}

function packageJson() {
  return JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8')) as {
    readonly version: string;
    readonly dependencies: Readonly<Record<string, string>>;
  };
}

/** The fingerprint of this machine, this doorbuster and this stack. */
export function environment(stack: StackFacts): Environment {
  const { version } = packageJson();
  const facts = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    os: `${type()} ${release()}`,
    runtime: stack.runtime,
    versions: { ...stack.versions },
    classArchives: null,
  };
  return { doorbuster: version, commit: commitOf(packageRoot), ...facts, lane: laneOf(facts) };
}

/**
 * Adds whether the JVMs always started from class archives, by program. A start without one loads and verifies about
 * ten thousand classes during the measurement.
 */
export function withClassArchives(
  environment: Environment,
  archives: Readonly<Record<string, boolean>>,
): Environment {
  const kept = Object.values(archives);
  if (kept.length === 0) return environment;
  const classArchives = kept.every(Boolean) ? 'kept' : kept.some(Boolean) ? 'partly' : 'none';
  return { ...environment, classArchives, lane: laneOf({ ...environment, classArchives }) };
}

/**
 * Two records are compared only inside one lane: same processor, cores, memory (to the GiB), Node major version,
 * operating system, runtime, server versions, and class archives. doorbuster's own commit is not part of the lane,
 * because lanes are for comparing commits.
 */
export function laneOf(facts: Omit<Environment, 'doorbuster' | 'commit' | 'lane'>): string {
  const lane = [
    facts.cpu,
    facts.cores,
    Math.round(facts.memoryBytes / 2 ** 30),
    facts.node.split('.')[0],
    facts.os,
    facts.runtime,
    ...Object.entries(facts.versions)
      .map(([server, version]) => `${server}=${version}`)
      .sort(),
    // With all archives, as after the first run, the lane equals that of older versions.
    ...(facts.classArchives === null || facts.classArchives === 'kept'
      ? []
      : [`classes=${facts.classArchives}`]),
  ];
  return createHash('sha256').update(lane.join('\n')).digest('hex').slice(0, 12);
}

/**
 * What makes the numbers of two runs incomparable, one phrase per fact. Servers that only one of them used are no
 * difference: two designs may need different ones.
 */
export function laneDifferences(a: Environment, b: Environment): readonly string[] {
  const gib = ({ memoryBytes }: Environment) => Math.round(memoryBytes / 2 ** 30);
  const facts: readonly (readonly [string, unknown, unknown])[] = [
    ['processor', a.cpu, b.cpu],
    ['cores', a.cores, b.cores],
    ['GiB of memory', gib(a), gib(b)],
    ['Node', a.node.split('.')[0], b.node.split('.')[0]],
    ['system', a.os, b.os],
    ['runtime', a.runtime, b.runtime],
    ['class archives', a.classArchives, b.classArchives],
    ...Object.keys(a.versions)
      .filter((server) => Object.hasOwn(b.versions, server))
      .map((server) => [server, a.versions[server], b.versions[server]] as const),
  ];
  return facts.flatMap(([name, one, other]) =>
    one === other ? [] : [`${name} ${String(one)} and ${String(other)}`],
  );
}

/** The commit of the checkout doorbuster runs from, with `+` when it was changed; null when installed. */
function commitOf(root: string): string | null {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', root, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const top = git('rev-parse', '--show-toplevel').trim();
    // An installed package may be inside another project's checkout, whose commit is unrelated.
    if (`${top}/` !== root) return null;
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return git('rev-parse', 'HEAD').trim() + (changed ? '+' : '');
  } catch {
    return null;
  }
}

/**
 * The commit of a file or folder in the checkout that it belongs to, with `+` if it differs from it; null if git does not
 * know it.
 */
export function commitAt(path: string): string | null {
  const git = (...args: readonly string[]) =>
    execFileSync('git', ['-C', dirname(path), ...args, '--', basename(path)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    if (git('ls-files') === '') return null;
    const changed = git('status', '--porcelain') !== '';
    const commit = execFileSync('git', ['-C', dirname(path), 'rev-parse', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return commit.trim() + (changed ? '+' : '');
  } catch {
    return null;
  }
}

/** How a record names the runtime of a persistent or external stack, which other runs may use as well. */
export function sharedRuntime(runtime: string): string {
  return `${runtime}, shared`;
}

/** Whether the servers of a run are on other machines, whose clocks were not compared with this one's. */
export function runsElsewhere({ runtime }: Pick<Environment, 'runtime'>): boolean {
  return runtime === sharedRuntime('external');
}
