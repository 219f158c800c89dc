import { badInput } from '../../core/errors.ts';
import { suggest } from '../../scenario/problems.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { containers, findEngine } from './containers.ts';
import { processes } from './processes.ts';
import { engineHere } from './session.ts';
import type { Runtime, RuntimeKind } from './stack.ts';

/** Every runtime. A kind without an entry does not compile. */
export const RUNTIMES: { readonly [K in RuntimeKind]: Runtime & { readonly kind: K } } = {
  processes,
  containers,
};

/** Values of `stack.runtime` with which servers are started. */
type RuntimeChoice = Exclude<Scenario['stack']['runtime'], 'external'>;
/** All of these values. */
export const RUNTIME_CHOICES = [
  'auto',
  ...(Object.keys(RUNTIMES) as readonly RuntimeKind[]),
] as const;

/**
 * The runtime for `stack.runtime` on this machine: `auto` means DOORBUSTER_RUNTIME, or else containers if an engine
 * answers. Throws DoorbusterError (exit 2) if the requested one is not available.
 */
export async function runtimeFor(choice: RuntimeChoice): Promise<RuntimeKind> {
  const wanted = choice === 'auto' ? configuredRuntime() : choice;
  if (wanted === 'containers') await findEngine();
  if (wanted !== 'auto') return wanted;
  return engineHere().then(
    () => 'containers',
    () => 'processes',
  );
}

/** The runtime of this machine for scenarios with `auto`, by DOORBUSTER_RUNTIME. */
function configuredRuntime(): RuntimeChoice {
  const named = process.env.DOORBUSTER_RUNTIME || 'auto';
  const known = RUNTIME_CHOICES.find((one) => one === named);
  if (known !== undefined) return known;
  throw badInput(
    `DOORBUSTER_RUNTIME is ${named}, and there is no such runtime: ${suggest(named, RUNTIME_CHOICES)}`,
    'unset DOORBUSTER_RUNTIME',
  );
}
