import { expect, test } from 'vitest';
import { scenarioOf } from '../../test/support/retail.ts';
import type { TapeEvent } from './event.ts';
import { tapeOf } from './tape.ts';

const MINUTE_MS = 60_000;
const EARLY = { fromMs: 0, toMs: 2 * MINUTE_MS };
const LATER = { fromMs: 60 * MINUTE_MS, toMs: 90 * MINUTE_MS };
/** Two minutes of one run are few events: so many runs are added up. */
const EARLY_RUNS = 16;
const SCENARIO = [
  'retail={stores: 2, skus: 400, assortment: 160, profile: specialty, hours: flat}',
  'traffic={pos: {receipts: 1800/store/h, returns: 8%}, wms: {}, loyalty: {}, inventory: {}, cart: {sessions: 12/s}}',
];

/** Adds the events of a run to the counts by stream and step. */
function count(
  into: Map<string, number>,
  seed: number,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Map<string, number> {
  for (const event of tapeOf(scenarioOf(...SCENARIO, `seed=${seed}`), [1, 2])) {
    if (event.dueMs >= toMs) break;
    if (event.dueMs >= fromMs) into.set(kindOf(event), (into.get(kindOf(event)) ?? 0) + 1);
  }
  return into;
}

function kindOf({ stream, body }: TapeEvent): string {
  const fields: Readonly<Record<string, unknown>> = body;
  const { event_name, biz_step, kind, type } = fields;
  return `${stream} ${event_name ?? biz_step ?? kind ?? type ?? 'image'}`;
}

/**
 * The reference is a later half hour of the same generator, so that `expectedCounts` cannot hide a cut that
 * it shares with the generator.
 */
test('every kind of event has its usual rate from the first minute on', () => {
  const later = count(new Map(), 1, LATER);
  const early = new Map<string, number>();
  for (let run = 0; run < EARLY_RUNS; run++) count(early, 100 + run, EARLY);
  const common = [...later].filter(([, n]) => n >= 100);
  expect(common.map(([kind]) => kind)).toEqual(
    expect.arrayContaining(['cart purchase', 'wms picking', 'pos return', 'loyalty earn']),
  );
  const share = ((EARLY.toMs - EARLY.fromMs) * EARLY_RUNS) / (LATER.toMs - LATER.fromMs);
  const wrong = common.flatMap(([kind, expected]) => {
    const found = (early.get(kind) ?? 0) / share;
    // Events of one receipt or session come together: their counts scatter more than Poisson counts.
    const clustered =
      kind.startsWith('cart view') ||
      kind.startsWith('cart select') ||
      kind.startsWith('inventory');
    const sigma = Math.sqrt((clustered ? 6 : 1) * (expected + expected / share));
    return Math.abs(found - expected) < 4 * sigma ? [] : [{ kind, found, expected }];
  });
  expect(wrong).toEqual([]);
});
