import type { Scenario } from '../../scenario/scenario.ts';
import { containers, findEngine } from './containers.ts';
import { processes } from './processes.ts';
import { engineHere } from './session.ts';
import type { Runtime, RuntimeKind } from './stack.ts';

/** Every way to start the servers. A kind without a runtime does not compile. */
export const RUNTIMES: { readonly [K in RuntimeKind]: Runtime & { readonly kind: K } } = {
  processes,
  containers,
};

/** Every word for servers that are started. */
export type Started = Exclude<Scenario['stack']['runtime'], 'external'>;

/**
 * What `stack.runtime` comes to on this machine. Throws DoorbusterError (exit 2) where it asks for
 * what is not there.
 */
export async function runtimeFor(wanted: Started): Promise<RuntimeKind> {
  if (wanted === 'containers') await findEngine();
  if (wanted !== 'auto') return wanted;
  return engineHere().then(
    () => 'containers',
    () => 'processes',
  );
}
