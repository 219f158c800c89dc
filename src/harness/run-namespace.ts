import type { Stream } from '../scenario/scenario.ts';

/** Namespace of a run: names of its topics, tables and jobs on a stack that other runs may use as well. */
export interface RunNamespace {
  /** Whether the names are unique to this run, so that it may remove everything with them. */
  readonly apart: boolean;
  /** Prefix of its topics, consumer groups and jobs; empty on its own stack. */
  readonly topicPrefix: string;
  /** Its namespace in the catalog, which contains all of its tables and nothing else. */
  readonly namespace: string;
}

/** Name of a stream's topic and job. */
export function topicOf({ topicPrefix }: RunNamespace, stream: Stream): string {
  return `${topicPrefix}${stream}`;
}

/** The namespace of a run on its own stack: the pipeline's plain names. */
export function ownNamespace(manifest: { readonly namespace: string }): RunNamespace {
  return { apart: false, topicPrefix: '', namespace: manifest.namespace };
}

/** A namespace that is unique to a run on a shared stack; `prefix` and `runId` are lower-case letters, digits and `_`. */
export function isolatedNamespace(
  manifest: { readonly namespace: string },
  { prefix, runId }: { readonly prefix: string; readonly runId: string },
): RunNamespace {
  const mark = `${prefix}_${runId}_`;
  return { apart: true, topicPrefix: mark, namespace: `${mark}${manifest.namespace}` };
}

/** Start and id of a run in its names, as `runIdOf` writes them. */
const RUN_ID = /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)z_[0-9a-f]{4}$/;

/** The part of its names by which a run on a shared stack differs from others: from the id of its folder. */
export function runIdOf(folderId: string): string {
  const parts = folderId.toLowerCase().split('-');
  return `${parts[0]}_${parts.at(-1)}`;
}

/**
 * What the names of a run begin with, from one of them; null if it is certainly none of a run: the prefix is followed by a
 * start and an id, or by the id of a distributed load in `loads`.
 */
export function markOf(name: string, prefix: string, loads: readonly string[]): string | null {
  if (!name.startsWith(`${prefix}_`)) return null;
  const rest = name.slice(prefix.length + 1);
  const load = loads.find((one) => rest.startsWith(`${one}_`));
  if (load !== undefined) return `${prefix}_${load}_`;
  const runId = rest.split('_').slice(0, 2).join('_');
  return RUN_ID.test(runId) && rest.startsWith(`${runId}_`) ? `${prefix}_${runId}_` : null;
}

/** When the run of a mark started, by its own clock, epoch ms; null for a distributed load. */
export function startOfMark(mark: string, prefix: string): number | null {
  const parts = RUN_ID.exec(mark.slice(prefix.length + 1, -1));
  if (parts === null) return null;
  const [year = 0, month = 0, ...time] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, ...(time as [number, number, number, number]));
}
