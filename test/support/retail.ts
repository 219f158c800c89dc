import type { EventOf, TapeEvent } from '../../src/generators/event.ts';
import { tapeOf } from '../../src/generators/tape.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import type { Scenario, Stream } from '../../src/scenario/scenario.ts';

const BASE = `
name: test
seed: 11
starts_at: 2026-11-25T09:00
retail: { stores: 8, skus: 400, assortment: 160, profile: grocery, hours: flat }
traffic: { pos: { receipts: 600/store/h } }
phases:
  - { name: only, for: 60s }
`;

/** A small scenario; `set` has the values of --set. Streams are turned on by setting them to {}. */
export function scenarioOf(...set: readonly string[]): Scenario {
  return parseScenario(BASE, { file: 'test.yaml', set }).scenario;
}

/** Everything on, faults included. */
export const EVERYTHING = [
  'traffic.wms={}',
  'traffic.cart={sessions: 10/s}',
  'traffic.loyalty={}',
  'traffic.inventory={}',
  'traffic.faults.duplicates={rate: 5%, delay: 300ms, delay_max: 5s}',
  'traffic.faults.malformed={rate: 2%}',
] as const;

/** All stores, or those whose number mod `workers` is `worker`. */
export function storesOf({ retail }: Scenario, worker = 0, workers = 1): readonly number[] {
  return Array.from({ length: retail.stores }, (_, i) => i + 1).filter(
    (store) => store % workers === worker,
  );
}

/** The events due before an offset. */
export function tapeUntil(
  scenario: Scenario,
  untilMs: number,
  stores: readonly number[] = storesOf(scenario),
): TapeEvent[] {
  const events: TapeEvent[] = [];
  for (const event of tapeOf(scenario, stores)) {
    if (event.dueMs >= untilMs) break;
    events.push(event);
  }
  return events;
}

/** Number of occurrences of each key. */
export function countBy<T>(items: Iterable<T>, key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

export function quantile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] as number;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The events of one stream, with its type. */
export function ofStream<S extends Stream>(
  events: readonly TapeEvent[],
  stream: S,
): readonly EventOf<S>[] {
  // The compiler does not narrow the union of the streams by S.
  return events.filter((event) => event.stream === stream) as unknown as readonly EventOf<S>[];
}
