import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { badInput, stackBroke } from '../core/errors.ts';
import type { Artifacts } from './setup/artifacts.ts';
import { temporaryDir } from './setup/user-dirs.ts';
import type { SharedStack } from './shared-stack.ts';
import {
  type PersistedStack,
  persistedStack,
  persistedStacks,
  stackName,
} from './stack/persisted-stack.ts';
import { RUNTIMES } from './stack/runtimes.ts';
import type { RuntimeKind, ServerName, Stack, StackOptions } from './stack/stack.ts';

interface UpOptions
  extends Pick<StackOptions, 'servers' | 'flink' | 'jit' | 'onBuilding' | 'onProgress'> {
  readonly name: string;
  readonly runtime: RuntimeKind;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

type Reach = Pick<StackOptions, 'clock' | 'onProgress'>;

/**
 * Starts a stack that stays up when this process ends, under a name. Throws DoorbusterError (exit 2)
 * when there is one of that name already.
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

/** Ends a stack that was left running, and removes all of it. Says which servers had ended before. */
export async function down(
  name: string,
  reach: Reach,
): Promise<{ readonly missing: readonly ServerName[] }> {
  const kept = persistedStack(name);
  const stack = await RUNTIMES[kept.runtime].attach(kept, reach);
  const missing = stack.missing();
  await stack.stop();
  return { missing };
}

/**
 * Attaches to a persistent stack for one run; whoever does disposes it, and it stays up. Throws DoorbusterError for one
 * that is not there or of another version (exit 2), or that lacks one of the servers that are `used` (exit 2 or 3).
 */
export async function sharedStack(
  name: string,
  reach: Reach & {
    readonly artifacts: Pick<Artifacts, 'versions'>;
    readonly used: readonly ServerName[];
  },
): Promise<SharedStack> {
  const kept = persistedStack(name);
  refuseOtherVersions(kept, reach.artifacts.versions);
  const stack = await RUNTIMES[kept.runtime].attach(kept, reach);
  try {
    refuseIncomplete(stack, name, reach.used);
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
  return { stack, name, prefix: 'doorbuster' };
}

/** What its record says it ran on must be what ran. */
function refuseOtherVersions(kept: PersistedStack, own: Readonly<Record<string, string>>): void {
  const other = Object.entries(kept.versions).find(
    ([server, version]) => own[server] !== undefined && own[server] !== version,
  );
  if (other === undefined) return;
  const [server, version] = other;
  throw badInput(
    `the stack ${kept.name} has ${server} ${version}, and this doorbuster is for ${own[server]}`,
    `doorbuster down ${kept.name} && doorbuster up ${kept.name}`,
  );
}

function refuseIncomplete(stack: Stack, name: string, used: readonly ServerName[]): void {
  const again = `doorbuster down ${name} && doorbuster up ${name}`;
  const never = used.filter((server) => stack.servers?.includes(server) === false);
  if (never.length > 0) {
    const fact = `the pipeline uses ${never.join(', ')}, and the stack ${name} was started without`;
    throw badInput(fact, again);
  }
  const gone = stack.missing().filter((server) => used.includes(server));
  if (gone.length === 0) return;
  throw stackBroke(
    `${gone.join(', ')} of the stack ${name} ${gone.length === 1 ? 'is' : 'are'} no longer running`,
    again,
  );
}
