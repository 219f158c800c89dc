import { badInput } from '../../core/errors.ts';
import { suggest } from '../../scenario/problems.ts';
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
type Started = Exclude<Scenario['stack']['runtime'], 'external'>;
/** All of them, to choose from. */
export const STARTED = ['auto', ...(Object.keys(RUNTIMES) as readonly RuntimeKind[])] as const;

/**
 * What `stack.runtime` comes to on this machine: `auto` is what DOORBUSTER_RUNTIME says, or else containers
 * when an engine answers. Throws DoorbusterError (exit 2) where one is asked for that is not there.
 */
export async function runtimeFor(asked: Started): Promise<RuntimeKind> {
  const wanted = asked === 'auto' ? decreed() : asked;
  if (wanted === 'containers') await findEngine();
  if (wanted !== 'auto') return wanted;
  return engineHere().then(
    () => 'containers',
    () => 'processes',
  );
}

/** What this machine is to take where a scenario leaves it open. */
function decreed(): Started {
  const named = process.env.DOORBUSTER_RUNTIME || 'auto';
  const known = STARTED.find((one) => one === named);
  if (known !== undefined) return known;
  throw badInput(
    `DOORBUSTER_RUNTIME is ${named}, and there is no such runtime: ${suggest(named, STARTED)}`,
    'unset DOORBUSTER_RUNTIME',
  );
}
