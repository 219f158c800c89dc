import { STOCK, type Stream } from '../scenario/scenario.ts';
import type { TapeEvent } from './event.ts';

/**
 * What the pipeline under test must do with a message, given those appended before it:
 * - `row`: show it (in an upsert table: it is the newest of its key so far)
 * - `duplicate`: drop it, because a message with the same event id was appended before
 * - `guarded`: ignore it, because an image of the same key with the same or a higher version was appended before
 * - `dead_letter`: reject it, because it is damaged
 */
export type Expect = 'row' | 'duplicate' | 'guarded' | 'dead_letter';

/** What CONTRACT expects of each message. Messages of a store must be passed in append order. */
export type Contract = (event: TapeEvent) => Expect;

/** Whether an event id of a stream comes for the first time; remembers it. */
export type IsFirst = (stream: Stream, id: string) => boolean;

/**
 * CONTRACT for the stores whose messages are passed to it. It judges what goes over the wire (ids, versions,
 * damage), not the generator's labels: a tape that used an id twice by accident is judged by the same rule as the
 * pipeline. Its own memory is the newest version of each row of the stock; `isFirst` remembers the event ids, of which
 * there are as many as messages.
 */
export function contract(isFirst: IsFirst): Contract {
  /** By store and SKU. */
  const newest = new Map<number, Map<number, number>>();
  return (event) => {
    const { row, fault } = event.truth;
    if (fault?.kind === 'malformed') return 'dead_letter';
    if (event.stream === STOCK) {
      if (row === null) throw new Error(`${event.stream} event ${event.id} says no row`);
      const ofStore = newest.get(event.store) ?? new Map<number, number>();
      newest.set(event.store, ofStore);
      const version = ofStore.get(row.sku);
      if (version !== undefined && version >= row.version) return 'guarded';
      ofStore.set(row.sku, row.version);
      return 'row';
    }
    return isFirst(event.stream, event.id) ? 'row' : 'duplicate';
  };
}
