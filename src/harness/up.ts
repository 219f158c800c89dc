import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { badInput, stackBroke } from '../core/errors.ts';
import type { Artifacts } from './setup/artifacts.ts';
import { SERVERS_ON_REQUEST } from './setup/needs.ts';
import { temporaryDir } from './setup/user-dirs.ts';
import type { SharedStack } from './shared-stack.ts';
import { serverVersions } from './stack/endpoints.ts';
import {
  type PersistedStack,
  persistedStack,
  persistedStacks,
  stackName,
} from './stack/persisted-stack.ts';
import { RUNTIMES } from './stack/runtimes.ts';
import type { RuntimeKind, ServerName, Stack, StackOptions } from './stack/stack.ts';

interface UpOptions
  extends Pick<
    StackOptions,
    'servers' | 'flink' | 'connect' | 'jit' | 'onBuilding' | 'onProgress'
  > {
  readonly name: string;
  readonly runtime: RuntimeKind;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

type AttachOptions = Pick<StackOptions, 'clock' | 'onProgress'>;

/**
 * Starts a persistent stack with a name: it stays up when this process ends. Throws DoorbusterError
 * (exit 2) if a stack of that name exists.
 */
export async function up({ name, runtime, ...options }: UpOptions): Promise<PersistedStack> {
  const there = persistedStacks().find((kept) => kept.name === stackName(name));
  if (there !== undefined) {
    throw badInput(
      `a stack called ${name} is up already, since ${there.keptAt}`,
      `doorbuster down ${name}   # or name another: doorbuster up NAME`,
    );
  }
  const home = await mkdtemp(join(temporaryDir(), `doorbuster-${name}-`));
  const stack = await RUNTIMES[runtime].start({
    ...options,
    runDir: home,
    workDir: join(home, 'work'),
    auxiliary: ['spark'],
  });
  try {
    await stack.keep({ name, home });
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return persistedStack(name);
}

/** Ends a persistent stack and removes all of it. Returns the servers that had ended before. */
export async function down(
  name: string,
  reach: AttachOptions,
): Promise<{ readonly missing: readonly ServerName[] }> {
  const kept = persistedStack(name);
  const stack = await RUNTIMES[kept.runtime].attach(kept, reach);
  const missing = stack.missing();
  await stack.stop();
  return { missing };
}

/**
 * Attaches to a persistent stack for one run. The caller disposes the handle; the stack stays up. Throws DoorbusterError
 * if it does not exist or has another version (exit 2), or lacks one of the `used` servers (exit 2 or 3).
 */
export async function sharedStack(
  name: string,
  reach: AttachOptions & {
    readonly artifacts: Pick<Artifacts, 'versions'>;
    readonly used: readonly ServerName[];
  },
): Promise<SharedStack> {
  const kept = persistedStack(name);
  requireStarted(kept, reach.used);
  requireSameVersions(kept, reach.artifacts.versions);
  const stack = await RUNTIMES[kept.runtime].attach(kept, reach);
  try {
    requireRunning(stack, name, reach.used);
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
  return { stack, name, prefix: 'doorbuster' };
}

/** The versions in a run's record must be those of the servers that it used. */
function requireSameVersions(kept: PersistedStack, own: Artifacts['versions']): void {
  const other = Object.entries(serverVersions({ versions: own })).find(
    ([name, version]) => kept.versions[name] !== version,
  );
  if (other === undefined) return;
  const [name, version] = other;
  const has = kept.versions[name];
  throw badInput(
    `the stack ${kept.name} has ${has === undefined ? `no ${name}` : `${name} ${has}`}, and this doorbuster is for ${version}`,
    `doorbuster down ${kept.name} && doorbuster up ${kept.name}`,
  );
}

/** A stack has some servers only on request, and one of an older doorbuster may lack others. */
function requireStarted({ name, plan }: PersistedStack, used: readonly ServerName[]): void {
  const never = used.filter((server) => !plan.servers.includes(server));
  if (never.length === 0) return;
  const requested = never.filter((server) => SERVERS_ON_REQUEST.includes(server));
  throw badInput(
    `the pipeline uses ${never.join(', ')}, and the stack ${name} was started without`,
    [`doorbuster down ${name} && doorbuster up ${name}`, ...requested].join(' --with '),
  );
}

function requireRunning(stack: Stack, name: string, used: readonly ServerName[]): void {
  const gone = stack.missing().filter((server) => used.includes(server));
  if (gone.length === 0) return;
  throw stackBroke(
    `${gone.join(', ')} of the stack ${name} ${gone.length === 1 ? 'is' : 'are'} no longer running`,
    `doorbuster down ${name} && doorbuster up ${name}`,
  );
}
