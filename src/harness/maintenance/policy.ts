import type { Maintenance } from '../../scenario/scenario.ts';
import { amoroKind, autoCompScore, type FileSizes } from './thresholds.ts';

/** The live files of a table. */
export interface LiveFiles extends FileSizes {
  readonly data: number;
  /** Equality and position deletes, and deletion vectors. */
  readonly deletes: number;
}

/** What a policy decides by. */
export interface Situation {
  readonly nowMs: number;
  /** When the load began, or maintenance last did. */
  readonly sinceMs: number;
  /** The current phase. */
  readonly phase: string;
  readonly queriesRunning: number;
  /** Of the tables that are compacted. */
  readonly files: readonly LiveFiles[];
}

/** What made maintenance due. */
export type Trigger =
  | 'time'
  | 'data files'
  | 'delete files'
  | 'amoro major'
  | 'amoro minor'
  | 'autocomp';

/** Why maintenance that is due does not begin. */
export type Obstacle = 'phase' | 'queries';

/** What to do now: nothing, to begin, or to wait although it is due. */
type Decision =
  | { readonly kind: 'not due' }
  | { readonly kind: 'begin'; readonly trigger: Trigger }
  | { readonly kind: 'wait'; readonly trigger: Trigger; readonly obstacle: Obstacle };

/** Applies a policy. Of several triggers the first in the order of `Trigger` is named. */
export function decide(policy: Omit<Maintenance, 'actions'>, now: Situation): Decision {
  const trigger = dueBy(policy.trigger, now);
  if (trigger === null) return { kind: 'not due' };
  const obstacle = policy.notDuring.includes(now.phase)
    ? 'phase'
    : policy.waitsForQueries && now.queriesRunning > 0
      ? 'queries'
      : null;
  return obstacle === null ? { kind: 'begin', trigger } : { kind: 'wait', trigger, obstacle };
}

function dueBy(
  { everyMs, dataFiles, deleteFiles, amoro, autocomp }: Maintenance['trigger'],
  { nowMs, sinceMs, files }: Situation,
): Trigger | null {
  if (everyMs !== null && nowMs - sinceMs >= everyMs) return 'time';
  if (dataFiles !== null && files.some(({ data }) => data >= dataFiles)) return 'data files';
  if (deleteFiles !== null && files.some(({ deletes }) => deletes >= deleteFiles)) {
    return 'delete files';
  }
  if (amoro !== null) {
    const kinds = files.map((table) => amoroKind(table, amoro, nowMs - sinceMs));
    if (kinds.includes('major')) return 'amoro major';
    if (kinds.includes('minor')) return 'amoro minor';
  }
  if (autocomp !== null) {
    if (files.some((table) => autoCompScore(table, autocomp) >= autocomp.score)) return 'autocomp';
  }
  return null;
}
