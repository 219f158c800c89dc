import { ownNamespace } from '../../src/harness/run-namespace.ts';

/** The plain names of a run on its own stack. */
export const PLAIN_NAMESPACE = ownNamespace({ namespace: 'retail' });
