import { OFF_MS } from '../../generators/faults/clocks.ts';
import { holdsImages, type StreamDataset } from '../../topology/dataset.ts';

/** SQL expressions of the oracles over the facts `events`. */

/** Messages of the tape, without drain markers and canaries. */
export const OF_THE_TAPE = `role NOT IN ('marker', 'canary')`;

/**
 * The rows of a table that the oracles judge: all but drain markers and canaries, which are identified by event id (row
 * images: by key and version) and store. Excluding a range of store or product numbers would hide rows that were never
 * sent.
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

/** The kind of fault of a message, or `none`; for duplicates the kind of duplicate. */
export const FAULT = `CASE fault WHEN 'duplicate' THEN how ELSE coalesce(fault, 'none') END`;

/** The labels of a message, as a list. */
export const LABELS_OF = `CASE WHEN labels IS NULL THEN []::VARCHAR[] ELSE string_split(labels, '+') END`;

/** A row's time is wrong if it differs by this much from the time of the event, ms; the same limit as for the labels. */
export const WRONG_CLOCK_MS = OFF_MS;

/** Labels that explain a wrong time: a wrong clock, and only without that the repeated hour of a clock change. */
export const WRONG_TIME_CAUSES = `CASE WHEN list_has_any(labels, ['clock_off', 'wrong_date'])
  THEN list_intersect(labels, ['clock_off', 'wrong_date'])
  ELSE list_intersect(labels, ['clock_change']) END`;

/** The causes in a list; `none` if it is empty. */
export function listed(list: string): string {
  return `CASE WHEN len(${list}) > 0 THEN ${list} ELSE ['none'] END`;
}
