import type { MaintenanceAction } from '../../scenario/scenario.ts';
import type { LiveFiles } from '../maintenance/policy.ts';
import type { CompactionResult } from '../pipelines/compactions/compaction.ts';
import { compact } from '../pipelines/compactions/compactions.ts';
import type { TableProgress } from '../probes/census.ts';
import type { Session } from './trial-context.ts';

/** Compacts the tables of a trial, or maintains them; `log` is the name of its log, if it is not the usual one. */
export function runCompaction(
  session: Session,
  {
    actions,
    scope,
    ...how
  }: {
    readonly actions?: readonly MaintenanceAction[];
    /** Tables that the actions are about; by default all of the pipeline. */
    readonly scope?: readonly string[];
    readonly log?: string;
  },
): Promise<CompactionResult> {
  const { stack, scenario, signal, pipeline, deployment, folder, options, state } = session;
  const tables = deployment.datasets
    .filter(({ name, visibility }) => visibility === 'iceberg' && scope?.includes(name) !== false)
    .map(({ name }) => `${pipeline.place.namespace}.${name}`);
  return compact(pipeline, {
    ...{ stack, scenario, clock: options.clock, signal, ...how },
    ...(actions === undefined ? {} : { maintain: { actions, tables } }),
    logDir: `${folder.dir}/logs`,
    onStarted: (pid) => state.compactorStarted(pid),
  });
}

/** Live files of these tables, as the census has last read them. */
export function liveFiles(
  progress: Readonly<Record<string, TableProgress>>,
  tables: readonly string[],
): LiveFiles[] {
  return tables.flatMap((table) => {
    const files = progress[table]?.last?.files;
    if (files === undefined) return [];
    const { data, equalityDeletes, dataBytes } = files;
    const deletes = equalityDeletes + files.positionDeletes + files.dvs;
    return [{ data, deletes, equalityDeletes, dataBytes }];
  });
}
