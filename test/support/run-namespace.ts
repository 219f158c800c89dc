import { ownNamespace } from '../../src/harness/run-namespace.ts';

/** The plain names, as a run on a stack of its own has them. */
export const PLAIN_NAMESPACE = ownNamespace({ namespace: 'retail' });
