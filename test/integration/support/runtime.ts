import { RUNTIMES } from '../../../src/harness/stack/runtimes.ts';
import type { Runtime } from '../../../src/harness/stack/stack.ts';

const wanted = process.env.DOORBUSTER_TEST_RUNTIME ?? 'processes';
const found = (Object.values(RUNTIMES) as Runtime[]).find(({ kind }) => kind === wanted);
if (!found) throw new Error(`DOORBUSTER_TEST_RUNTIME: there is no runtime ${wanted}`);

/** The runtime with which the integration tests start servers. */
export const runtime: Runtime = found;
