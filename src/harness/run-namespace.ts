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
