import { processes } from './processes.ts';
import type { Runtime, RuntimeKind } from './stack.ts';

/** Every way to start the servers. A kind without a runtime does not compile. */
export const RUNTIMES: { readonly [K in RuntimeKind]: Runtime & { readonly kind: K } } = {
  processes,
};
