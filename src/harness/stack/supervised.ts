import { join, resolve } from 'node:path';
import { serverVersions } from './endpoints.ts';
import type { PersistedStack } from './persisted-stack.ts';
import type { AttachedHost, RuntimeHost } from './runtime-host.ts';
import type { AttachOptions, RuntimeKind, Stack, StackOptions } from './stack.ts';
import { SupervisedStack } from './supervised-stack.ts';

/** A port that was free a moment ago may be taken: worth so many tries. */
const ATTEMPTS = 3;

/** Starts every server in the order of need, on a host of its own for each attempt. */
export async function startSupervised(
  runtime: RuntimeKind,
  options: StackOptions,
  open: (options: StackOptions) => Promise<RuntimeHost>,
): Promise<Stack> {
  options.signal.throwIfAborted();
  const logDir = join(resolve(options.runDir), 'logs');
  const told = { ...options, logDir, versions: serverVersions(options.artifacts) };
  for (let attempt = 1; ; attempt++) {
    const stack = new SupervisedStack(runtime, told, () => open(options));
    try {
      await stack.start();
      return stack;
    } catch (error) {
      await stack.stop();
      if (!stack.portWasTaken || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Goes on with the servers of a stack that was kept. */
export async function takeUpSupervised(
  kept: PersistedStack,
  options: AttachOptions,
  host: AttachedHost,
): Promise<Stack> {
  const { runtime, home, versions, plan } = kept;
  const { servers, flink, jit } = plan;
  // What ends it, or detaches from it, is said: a stack with many runs outlives the interrupt of one.
  const { signal } = new AbortController();
  const told = { ...options, signal, logDir: join(home, 'logs'), versions, servers, flink, jit };
  const stack = new SupervisedStack(runtime, told, () =>
    Promise.reject(new Error('a stack that was attached is not started')),
  );
  await stack.attach(kept, host);
  return stack;
}
