import { join, resolve } from 'node:path';
import { serverVersions } from './endpoints.ts';
import type { FoundGround, Ground } from './ground.ts';
import type { Kept } from './kept.ts';
import type { RuntimeKind, Stack, StackOptions, TakeUpOptions } from './stack.ts';
import { SupervisedStack } from './supervised-stack.ts';

/** A port that was free a moment ago may be taken: worth so many tries. */
const ATTEMPTS = 3;

/** Starts every server in the order of need, on a ground of its own for each attempt. */
export async function startSupervised(
  runtime: RuntimeKind,
  options: StackOptions,
  open: (options: StackOptions) => Promise<Ground>,
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
  kept: Kept,
  options: TakeUpOptions,
  ground: FoundGround,
): Promise<Stack> {
  const { runtime, home, versions, plan } = kept;
  const { flink, jit } = plan;
  // What ends it, or lets go of it, is said: a stack with many runs outlives the interrupt of one.
  const { signal } = new AbortController();
  const told = { ...options, signal, logDir: join(home, 'logs'), versions, flink, jit };
  const stack = new SupervisedStack(runtime, told, () =>
    Promise.reject(new Error('a stack that was attached is not started')),
  );
  await stack.takeUp(kept, ground);
  return stack;
}
