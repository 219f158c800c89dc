import type { Stream } from '../scenario/scenario.ts';

/** Where a run's topics, tables and jobs are on a stack that others may use as well. */
export interface Place {
  /** Nobody else's names are like these: all that bears them is the run's to remove. */
  readonly apart: boolean;
  /** What the names of its topics, consumer groups and jobs begin with; empty on a stack of its own. */
  readonly topicPrefix: string;
  /** Its namespace in the catalog, which holds all of its tables and nothing else. */
  readonly namespace: string;
}

/** What the topic of a stream is called, and its job. */
export function topicOf({ topicPrefix }: Place, stream: Stream): string {
  return `${topicPrefix}${stream}`;
}

/** All of a stack that was started for one run: the plain names, as the pipeline has them. */
export function placeOfItsOwn(manifest: { readonly namespace: string }): Place {
  return { apart: false, topicPrefix: '', namespace: manifest.namespace };
}

/** Apart from every other run on a stack; `prefix` and `runId` are lower-case letters, digits and `_`. */
export function placeApart(
  manifest: { readonly namespace: string },
  { prefix, runId }: { readonly prefix: string; readonly runId: string },
): Place {
  const mark = `${prefix}_${runId}_`;
  return { apart: true, topicPrefix: mark, namespace: `${mark}${manifest.namespace}` };
}
