import { meansOf } from '../../src/generators/world/recorded-tape.ts';
import { DAY_KINDS, type Recording, type TapeMap } from '../../src/scenario/recording.ts';
import type { Scenario } from '../../src/scenario/scenario.ts';

/** Map of the columns of test/fixtures/receipts.csv. */
export const RECEIPTS_MAP: TapeMap = {
  columns: {
    receipt: 'receipt',
    store: 'shop',
    at: 'rung_up_at',
    sku: 'item',
    quantity: 'units',
    amount: 'paid',
    discount: 'saved',
    member: 'card',
  },
  atFormat: null,
  atDayOne: null,
  atZone: 'America/New_York',
  unitsUpTo: 100,
  noMember: [],
  decimal: 'point',
  encoding: null,
};

export interface MadeReceipt {
  readonly atMs: number;
  readonly store: number;
  readonly member?: number;
  /** product, quantity, amount and discount in cents. */
  readonly lines: readonly (readonly [number, number, number, number])[];
}

/** A recording of a test's own receipts, in the order of their time. */
export function recordingOf(receipts: readonly MadeReceipt[]): Recording {
  const lines = receipts.flatMap((receipt) => receipt.lines);
  const column = (i: 0 | 1 | 2 | 3) => Int32Array.from(lines, (line) => line[i]);
  const firstLine = [0];
  for (const receipt of receipts)
    firstLine.push((firstLine.at(-1) as number) + receipt.lines.length);
  const product = column(0);
  return {
    sha256: '0'.repeat(64),
    atMs: Float64Array.from(receipts, ({ atMs }) => atMs),
    store: Int32Array.from(receipts, ({ store }) => store),
    member: Int32Array.from(receipts, ({ member = -1 }) => member),
    firstLine: Int32Array.from(firstLine),
    product,
    quantity: column(1),
    amountCents: column(2),
    discountCents: column(3),
    priceCents: new Int32Array(product.reduce((most, own) => Math.max(most, own), 0) + 1).fill(199),
    stores: Math.max(0, ...receipts.map(({ store }) => store)) + 1,
    members: Math.max(0, ...receipts.map(({ member = -1 }) => member)) + 1,
    measures: 0,
    turned: 0,
    from: '2025-03-03T09:00:00',
    to: '2025-03-03T18:00:00',
    hours: Object.fromEntries(
      DAY_KINDS.map((kind) => [kind, new Array<number>(24).fill(1)]),
    ) as unknown as Recording['hours'],
  };
}

/** The scenario, replaying this recording. */
export function replaying(
  scenario: Scenario,
  recording: Recording,
  map: TapeMap = RECEIPTS_MAP,
): Scenario {
  const { pos } = scenario.traffic;
  if (pos === null) throw new Error('a scenario without pos replays nothing');
  const { returns } = meansOf(recording);
  const tape = { file: 'receipts.csv', map, recording };
  return { ...scenario, traffic: { ...scenario.traffic, pos: { ...pos, returns, tape } } };
}
