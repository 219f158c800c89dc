import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import { InProcessLog } from '../clients/in-process-log.ts';
import { InProcessTables } from '../clients/in-process-tables.ts';
import type { Stack } from './stack.ts';

/** Storage of a pipeline without servers. */
export interface InProcessStore {
  readonly log: InProcessLog;
  readonly tables: InProcessTables;
  readonly clock: Clock;
}

/** The in-process store of a stack. Throws if the stack has servers instead. */
export function inProcessOf({ inProcess }: Pick<Stack, 'inProcess'>): InProcessStore {
  if (inProcess !== null) return inProcess;
  throw badInput(
    'a pipeline that runs in this process needs a stack without servers',
    'leave out --on and --keep',
  );
}

/** Starts a stack without servers, for a pipeline that needs none: a log and tables in this process, which spill to `workDir`. */
export async function startInProcess(clock: Clock, workDir: string): Promise<Stack> {
  const tables = await InProcessTables.open(clock, join(workDir, 'tables'));
  const inProcess: InProcessStore = { log: new InProcessLog(), tables, clock };
  const none = (what: string) => badInput(`there is no ${what}: the pipeline runs in this process`);
  const stop = async () => tables.close();
  return {
    runtime: 'in-process',
    inProcess,
    servers: null,
    get endpoints(): never {
      throw none('server');
    },
    versions: {},
    stateDir: null,
    broken: new AbortController().signal,
    processes: () => [],
    classArchives: () => ({}),
    missing: () => [],
    launch: () => Promise.reject(none('program beside the servers')),
    injectOutage: (server) => Promise.reject(none(server)),
    restore: (server) => Promise.reject(none(server)),
    keep: () => Promise.reject(none('server to keep')),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
