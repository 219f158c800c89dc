import { join, resolve } from 'node:path';
import { serverVersions } from './endpoints.ts';
import type { PersistedStack } from './persisted-stack.ts';
import type { AttachedHost, RuntimeHost } from './runtime-host.ts';
import type { AttachOptions, RuntimeKind, Stack, StackOptions } from './stack.ts';
import { SupervisedStack } from './supervised-stack.ts';

/** Number of attempts, because a port that was free may be in use at the start. */
const ATTEMPTS = 3;

/** Starts the servers, dependencies first, with a new host for each attempt. */
export async function startSupervised(
  runtime: RuntimeKind,
  options: StackOptions,
  open: (options: StackOptions) => Promise<RuntimeHost>,
): Promise<Stack> {
  options.signal.throwIfAborted();
  const logDir = join(resolve(options.runDir), 'logs');
  const supervised = { ...options, logDir, versions: serverVersions(options.artifacts) };
  for (let attempt = 1; ; attempt++) {
    const stack = new SupervisedStack(runtime, supervised, () => open(options));
    try {
      await stack.start();
      return stack;
    } catch (error) {
      await stack.stop();
      if (!stack.portWasTaken || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Attaches to the servers of a persistent stack. */
export async function attachSupervised(
  kept: PersistedStack,
  options: AttachOptions,
  host: AttachedHost,
): Promise<Stack> {
  const { runtime, home, versions, plan } = kept;
  const { servers, flink, jit } = plan;
  // A signal that never aborts: a shared stack outlives the interrupt of one run.
  const { signal } = new AbortController();
  const supervised = {
    ...options,
    signal,
    logDir: join(home, 'logs'),
    versions,
    servers,
    flink,
    jit,
  };
  const stack = new SupervisedStack(runtime, supervised, () =>
    Promise.reject(new Error('a stack that was attached is not started')),
  );
  await stack.attach(kept, host);
  return stack;
}
