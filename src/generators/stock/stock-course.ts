import type { Scenario } from '../../scenario/scenario.ts';
import { open } from '../store-tape.ts';
import { StoreSimulation } from '../streams/store-simulation.ts';
import { worldOf } from '../world/world.ts';
import { Ledger } from './ledger.ts';

/** A value that holds from each of these moments until the next. */
export interface Steps {
  /** Offsets from t0, ascending; -Infinity is "from the beginning". */
  readonly atMs: readonly number[];
  readonly value: readonly number[];
}

/** How many units of one SKU in one store could be had, moment by moment of what truly happened. */
export interface StockCourse {
  /** What BOOK would promise: its available units; none while the store does not list the SKU. */
  readonly book: Steps;
  /** What a picker would find: PHYSICAL without what is committed to others or set aside. */
  readonly shelf: Steps;
}

interface Course {
  readonly atMs: number[];
  readonly book: number[];
  readonly shelf: number[];
}

/**
 * The course of these SKUs in one store until an offset. It runs the store again, before any fault of its
 * feeds: in the order in which things happened, not in that in which they were sent. The figures are the
 * ledgers', which never look at a row image; that one is due only says that the row has moved.
 */
export function stockCourses(
  scenario: Scenario,
  store: number,
  skus: Iterable<number>,
  untilMs: number,
): ReadonlyMap<number, StockCourse> {
  const ledger = new Ledger(scenario);
  const courses = new Map<number, Course>();
  for (const sku of skus) {
    courses.set(sku, { atMs: [], book: [], shelf: [] });
    note(sku, Number.NEGATIVE_INFINITY);
  }
  function note(sku: number, atMs: number): void {
    const course = courses.get(sku);
    if (course === undefined) return;
    const { available, committed, unavailable, deleted } = ledger.book(store, sku);
    const found = ledger.physical(store, sku) - committed - unavailable;
    // Of several moves in a millisecond the last one counts.
    const i = course.atMs.at(-1) === atMs ? course.atMs.length - 1 : course.atMs.length;
    course.atMs[i] = atMs;
    course.book[i] = deleted ? 0 : available;
    course.shelf[i] = Math.max(0, found);
  }
  const simulation = new StoreSimulation(
    worldOf(scenario),
    store,
    (event) => {
      ledger.apply(event);
      const { row } = event.truth;
      if (row !== null) note(row.sku, event.occurredMs);
    },
    (hidden) => {
      ledger.happen(hidden);
      note(hidden.sku, hidden.occurredMs);
    },
  );
  open(simulation);
  while (simulation.nextMs < untilMs) simulation.step();
  return new Map(
    Array.from(courses, ([sku, { atMs, book, shelf }]) => [
      sku,
      { book: { atMs, value: book }, shelf: { atMs, value: shelf } },
    ]),
  );
}

/** The value at a moment; undefined before the first. */
export function valueAt({ atMs, value }: Steps, momentMs: number): number | undefined {
  let from = 0;
  let to = atMs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((atMs[middle] as number) <= momentMs) from = middle + 1;
    else to = middle;
  }
  return value[from - 1];
}
