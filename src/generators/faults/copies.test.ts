import { expect, test } from 'vitest';
import { countBy, EVERYTHING, scenarioOf, tapeUntil } from '../../../test/support/retail.ts';
import { DUPLICATE_KINDS, MALFORMED_KINDS, STREAMS } from '../../scenario/scenario.ts';
import { requiredFields, requiredIntegers } from '../damage.ts';
import { encode } from '../encode.ts';
import type { TapeEvent } from '../event.ts';
import { MAX_COPIES, messagesPerEvent } from './copies.ts';

const T0 = 1_795_770_000_000;
const STREAMS_ON = EVERYTHING.slice(0, 4);
const KINDS = '{identical: 25%, new_id: 25%, changed_payload: 25%, constant_id: 25%}';

function faulty(...set: readonly string[]): TapeEvent[] {
  return tapeUntil(
    scenarioOf(...STREAMS_ON, 'traffic.pos={receipts: 2000/store/h}', ...set),
    40_000,
  );
}

const isDuplicate = ({ truth }: TapeEvent) => truth.fault?.kind === 'duplicate';
const wire = (event: TapeEvent) => new TextDecoder().decode(encode(event, T0));

const events = faulty(
  `traffic.faults.duplicates={rate: 8%, delay: 200ms, delay_max: 1600ms, kinds: ${KINDS}}`,
);
const originals = new Map(
  events
    .filter(({ truth }) => truth.role === 'original')
    .map((event) => [`${event.stream}/${event.id}`, event]),
);
const originalOf = ({ stream, truth }: TapeEvent) => originals.get(`${stream}/${truth.copyOf}`);

test('events are doubled at the stated rate, each kind in its share', () => {
  const doubled = new Set(
    events
      .filter(isDuplicate)
      .map((event) =>
        event.truth.role === 'copy'
          ? `${event.stream}/${event.truth.copyOf}`
          : `constant/${event.occurredMs}/${JSON.stringify(event.body)}`,
      ),
  );
  const all = events.filter(({ truth }) => truth.role === 'original').length;
  expect(all).toBeGreaterThan(4_000);
  expect(Math.abs(doubled.size / all - 0.08)).toBeLessThan(0.012);
  const first = new Map<string, TapeEvent>();
  for (const event of events.filter(({ truth }) => truth.role === 'copy'))
    first.set(`${event.stream}/${event.truth.copyOf}`, event);
  const kinds = countBy(first.values(), ({ truth }) => String(truth.fault?.how));
  kinds.constant_id = events.filter(({ truth }) => truth.fault?.how === 'constant_id').length;
  for (const kind of DUPLICATE_KINDS) {
    expect(Math.abs((kinds[kind] ?? 0) / doubled.size - 0.25)).toBeLessThan(0.07);
  }
});

test('default shares are 90, 5, 3 and 2 %', () => {
  const { duplicates } = scenarioOf('traffic.faults.duplicates={}').traffic.faults;
  expect(duplicates?.kinds).toEqual({
    identical: 0.9,
    new_id: 0.05,
    changed_payload: 0.03,
    constant_id: 0.02,
  });
  expect(duplicates?.rate).toBe(0.006);
});

test('copies come after their original, 1 + Geom(0.8) of them, at doubling delays', () => {
  const copies = events.filter(({ truth }) => truth.role === 'copy');
  const byOriginal = new Map<string, TapeEvent[]>();
  for (const copy of copies) {
    const key = `${copy.stream}/${copy.truth.copyOf}`;
    byOriginal.set(key, [...(byOriginal.get(key) ?? []), copy]);
  }
  const counts: number[] = [];
  for (const group of byOriginal.values()) {
    const original = originalOf(group[0] as TapeEvent) as TapeEvent;
    let lastMs = original.dueMs;
    group.forEach((copy, k) => {
      const delay = Math.min(200 * 2 ** k, 1_600);
      expect(copy.occurredMs).toBe(original.occurredMs);
      expect(copy.store).toBe(original.store);
      expect(copy.dueMs - lastMs).toBeGreaterThanOrEqual(Math.floor(delay * 0.5));
      expect(copy.dueMs - lastMs).toBeLessThanOrEqual(Math.ceil(delay * 1.5));
      lastMs = copy.dueMs;
    });
    if (original.dueMs < 30_000) counts.push(group.length);
  }
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  expect(Math.abs(mean - 1.25)).toBeLessThan(0.1);
  expect(Math.max(...counts)).toBeLessThanOrEqual(MAX_COPIES);
});

test('each kind of copy is what it says', () => {
  for (const event of events.filter(({ truth }) => truth.role === 'copy')) {
    const original = originalOf(event) as TapeEvent;
    const same = wire({ ...event, dueMs: original.dueMs }) === wire(original);
    switch (event.truth.fault?.how) {
      case 'identical':
        expect(same).toBe(true);
        break;
      case 'new_id':
        expect(event.id).not.toBe(original.id);
        expect(wire({ ...event, dueMs: original.dueMs, id: original.id })).toBe(wire(original));
        break;
      case 'changed_payload':
        expect(event.id).toBe(original.id);
        expect(same).toBe(false);
        break;
      default:
        throw new Error(`a copy of kind ${event.truth.fault?.how}`);
    }
    // A row image keeps its version, so that a guard on versions keeps the first of them.
    expect(event.truth.row?.version).toBe(original.truth.row?.version);
    if (event.stream === 'inventory') {
      const after = JSON.parse(wire(event)).after;
      expect(after.on_hand).toBe(event.truth.row?.onHand);
      expect(after.version).toBe(event.truth.row?.version);
    }
  }
});

test('a broken client gives real events one id per store and stream', () => {
  const broken = events.filter(({ truth }) => truth.fault?.how === 'constant_id');
  expect(broken.length).toBeGreaterThan(50);
  for (const { truth, id, stream, store } of broken) {
    expect(truth.role).toBe('original');
    expect(id).toBe(`${stream}-${store}-constant`);
  }
});

/** Why a record is damaged, by a check over its bytes alone; null when it is sound. */
function damageOf(event: TapeEvent): string | null {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(encode(event, T0));
  } catch {
    return 'bad_utf8';
  }
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text);
  } catch {
    return 'truncated';
  }
  const row = (event.stream === 'inventory' ? value.after : value) as Record<string, unknown>;
  for (const field of requiredFields(event.stream)) if (!(field in row)) return 'missing_key';
  for (const field of requiredIntegers(event.stream)) {
    const found = row[field];
    // A number written as text is still one: some versions of the stores' software send it so.
    const sound = typeof found === 'string' ? /^-?\d+$/.test(found) : Number.isInteger(found);
    if (!sound) return 'wrong_type';
  }
  return null;
}

test.each([[], ['traffic.faults.schema_drift={at: 0s, over: 0s, widened: 100%}']])(
  'damage of every kind in every stream is found in the bytes, and is the damage of its label %#',
  (...drift) => {
    const damaged = faulty('traffic.faults.malformed={rate: 30%}', ...drift);
    const seen = new Set<string>();
    for (const event of damaged) {
      const { fault } = event.truth;
      expect(damageOf(event)).toBe(fault?.kind === 'malformed' ? fault.how : null);
      if (fault?.kind === 'malformed') {
        expect(event.truth.role).toBe('copy');
        seen.add(`${event.stream}/${fault.how}`);
      }
    }
    expect(seen.size).toBe(STREAMS.length * MALFORMED_KINDS.length);
    const kinds = countBy(
      damaged.filter(({ truth }) => truth.fault !== null),
      ({ truth }) => String(truth.fault?.how),
    );
    const total = Object.values(kinds).reduce((sum, n) => sum + n, 0);
    for (const [kind, expected] of [
      ['truncated', 0.4],
      ['wrong_type', 0.3],
      ['missing_key', 0.2],
      ['bad_utf8', 0.1],
    ] as const) {
      expect(Math.abs((kinds[kind] ?? 0) / total - expected)).toBeLessThan(0.03);
    }
  },
);

test('a damaged record is the same bytes every time', () => {
  const [damaged] = faulty('traffic.faults.malformed={rate: 5%}').filter(
    ({ truth }) => truth.fault,
  );
  expect(encode(damaged as TapeEvent, T0)).toEqual(encode(damaged as TapeEvent, T0));
});

test('replace: the event itself is damaged, at the stated rate, and no copy is sent', () => {
  const replaced = faulty('traffic.faults.malformed={rate: 10%, replace: true}');
  expect(replaced.every(({ truth }) => truth.role === 'original')).toBe(true);
  const damaged = replaced.filter(({ truth }) => truth.fault?.kind === 'malformed');
  expect(Math.abs(damaged.length / replaced.length - 0.1)).toBeLessThan(0.012);
});

test('messages per event is what comes out', () => {
  const set = [
    'traffic.faults.duplicates={rate: 8%, delay: 10ms, delay_max: 20ms}',
    'traffic.faults.malformed={rate: 5%}',
  ];
  const all = faulty(...set);
  const originals = all.filter(({ truth }) => truth.role === 'original').length;
  const { faults } = scenarioOf(...set).traffic;
  expect(Math.abs(all.length / originals / messagesPerEvent(faults) - 1)).toBeLessThan(0.02);
});
