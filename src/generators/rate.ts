import type { Scenario } from '../scenario/scenario.ts';
import { messagesPerEvent } from './faults.ts';
import { worldOf, ZERO_QUANTITY } from './world.ts';

/** Messages per second that the tape intends at an offset from t0: every stream, copies included. */
export function rateAt(scenario: Scenario, offsetMs: number): number {
  const world = worldOf(scenario);
  const { traffic } = scenario;
  const perReceipt =
    (traffic.pos === null ? 0 : 1) +
    (traffic.inventory === null ? 0 : world.meanLines * (1 - ZERO_QUANTITY));
  let perMs = 0;
  for (const store of world.stores) {
    perMs += store.receiptsPerMs * store.curve.at(offsetMs) * perReceipt;
  }
  return perMs * 1_000 * messagesPerEvent(traffic.faults);
}
