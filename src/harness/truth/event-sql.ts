import { OFF_MS } from '../../generators/faults/clocks.ts';
import { holdsImages, type StreamDataset } from '../../topology/dataset.ts';

/** What the oracles say in SQL of a message, over the facts `events`. */

/** Messages of the tape: drain markers and canaries are in no count. */
export const OF_THE_TAPE = `role NOT IN ('marker', 'canary')`;

/**
 * The rows of a table that the oracles judge: all but drain markers and canaries, each of which is known by its
 * event id (a row image: by key and version) and its store. A range of store or product numbers would hide
 * rows that nobody sent.
 */
export function judgedRows(dataset: StreamDataset, table: string): string {
  const identity = holdsImages(dataset)
    ? ['store_id', 'sku_id', 'version']
    : ['store_id', 'event_id'];
  const same = identity.map((column) => `own.${column} = one.${column}`).join(' AND ');
  return `(SELECT * FROM ${table} AS one WHERE NOT EXISTS (
    SELECT 1 FROM events AS own WHERE own.role IN ('marker', 'canary') AND own.expect = 'row'
      AND own.stream = '${dataset.carries}' AND ${same}))`;
}

/** The kind of fault of a message, or `none`: of a duplicate how it was one, of the others what they are. */
export const FAULT = `CASE fault WHEN 'duplicate' THEN how ELSE coalesce(fault, 'none') END`;

/** Its labels, as a list. */
export const LABELS_OF = `CASE WHEN labels IS NULL THEN []::VARCHAR[] ELSE string_split(labels, '+') END`;

/** A row's time is wrong when it is this far from when the event happened, ms: as the labels have it. */
export const WRONG_CLOCK_MS = OFF_MS;

/** Labels that explain a wrong time: a clock that was off, and only without one the hour that is there twice. */
export const WRONG_TIME_CAUSES = `CASE WHEN list_has_any(labels, ['clock_off', 'wrong_date'])
  THEN list_intersect(labels, ['clock_off', 'wrong_date'])
  ELSE list_intersect(labels, ['clock_change']) END`;

/** What a list names as causes; `none` when it names nothing. */
export function listed(list: string): string {
  return `CASE WHEN len(${list}) > 0 THEN ${list} ELSE ['none'] END`;
}
