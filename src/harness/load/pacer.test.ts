import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pacer, type PacerLimits, withFirstEvent } from './pacer.ts';

interface Tick {
  readonly dueMs: number;
  readonly size: number;
}

const limits: PacerLimits = { batchCount: 5, batchBytes: 1_000, aheadMs: 100, aheadCount: 20 };
const prepare = (tick: Tick) => ({ ...tick, value: new Uint8Array(tick.size) });
const ticks = (...dues: readonly number[]): Tick[] => dues.map((dueMs) => ({ dueMs, size: 10 }));

const tapes = fc
  .array(
    fc.record({ gap: fc.integer({ min: 0, max: 40 }), size: fc.integer({ min: 1, max: 1_500 }) }),
    {
      maxLength: 60,
    },
  )
  .map((steps) => {
    let dueMs = 0;
    return steps.map(({ gap, size }) => {
      dueMs += gap;
      return { dueMs, size };
    });
  });

test('hands out what fell due, and only that', () => {
  const pacer = new Pacer(ticks(0, 10, 10, 30), prepare, limits);
  expect(pacer.due(-1)).toEqual([]);
  expect(pacer.due(10).map(({ dueMs }) => dueMs)).toEqual([0, 10, 10]);
  expect(pacer.due(29)).toEqual([]);
  expect(pacer.nextDueMs()).toBe(30);
  expect(pacer.due(1_000)).toHaveLength(1);
  expect(pacer.nextDueMs()).toBeUndefined();
});

test('what fell due while a batch was out becomes the next one, bounded in count', () => {
  const pacer = new Pacer(ticks(1, 2, 3, 4, 5, 6, 7), prepare, limits);
  expect(pacer.due(100)).toHaveLength(5);
  expect(pacer.due(100)).toHaveLength(2);
});

test('a batch is bounded in bytes, but a message larger than the bound still goes, alone', () => {
  const sizes = [600, 300, 300, 5_000, 100];
  const tape = sizes.map((size, dueMs) => ({ dueMs, size }));
  const pacer = new Pacer(tape, prepare, limits);
  const batches = Array.from({ length: 4 }, () => pacer.due(100).map(({ size }) => size));
  expect(batches).toEqual([[600, 300], [300], [5_000], [100]]);
});

test('reads ahead no further than its bounds, however long the tape', () => {
  function* endless(): Generator<Tick> {
    for (let dueMs = 0; ; dueMs++) yield { dueMs, size: 10 };
  }
  const pacer = new Pacer(endless(), prepare, limits);
  while (pacer.fill(0, 8));
  expect(pacer.waiting).toBe(limits.aheadCount);
  const sparse = new Pacer(ticks(0, 90, 150, 400, 500), prepare, limits);
  while (sparse.fill(0, 8));
  expect(sparse.waiting).toBe(3);
});

test('reads ahead again when half of it is gone', () => {
  const dues = Array.from({ length: 40 }, (_, i) => i * 10);
  const pacer = new Pacer(ticks(...dues), prepare, limits);
  while (pacer.fill(0, 8));
  expect(pacer.waiting).toBe(12);
  pacer.due(40);
  expect(pacer.fill(50, 8)).toBe(false);
  expect(pacer.waiting).toBe(7);
  while (pacer.fill(60, 8));
  expect(pacer.waiting).toBe(13);
});

test('a batch is full when its last message falls due', () => {
  const pacer = new Pacer(ticks(1, 2, 3), prepare, limits);
  expect(pacer.fullAtMs(1)).toBeUndefined();
  while (pacer.fill(0, 8));
  expect(pacer.fullAtMs(3)).toBe(3);
  expect(pacer.fullAtMs(4)).toBeUndefined();
  pacer.due(1);
  expect(pacer.fullAtMs(2)).toBe(3);
});

test('a tape that goes back in time throws', () => {
  const pacer = new Pacer(ticks(5, 4), prepare, limits);
  expect(() => pacer.fill(0, 8)).toThrow('the tape goes back in time: 4 after 5');
});

test('a cut that is already passed moves to the first moment that can be kept', () => {
  const pacer = new Pacer(ticks(1, 2, 3, 9), prepare, limits);
  pacer.due(3);
  expect(pacer.stopAt(2)).toBe(4);
  expect(pacer.nextDueMs()).toBeUndefined();
  expect(pacer.stopAt(10)).toBe(10);
  expect(pacer.nextDueMs()).toBe(9);
});

test('property: every message before the cut exactly once, in order, never early', () => {
  fc.assert(
    fc.property(
      tapes,
      fc.array(fc.record({ step: fc.integer({ min: 0, max: 200 }), fill: fc.nat(30) })),
      fc.integer({ min: 0, max: 2_500 }),
      (tape, walk, cutMs) => {
        const pacer = new Pacer(tape, prepare, limits);
        pacer.stopAt(cutMs);
        const taken: Tick[] = [];
        let nowMs = 0;
        const take = () => {
          const late = tape.filter(({ dueMs }) => dueMs <= nowMs && dueMs < cutMs).length;
          expect(pacer.overdue(nowMs)).toBeLessThanOrEqual(late - taken.length);
          for (const { dueMs, size, value } of pacer.due(nowMs)) {
            expect(dueMs).toBeLessThanOrEqual(nowMs);
            expect(value.byteLength).toBe(size);
            taken.push({ dueMs, size });
          }
        };
        for (const { step, fill } of walk) {
          nowMs += step;
          pacer.fill(nowMs, fill);
          take();
        }
        nowMs = Number.MAX_SAFE_INTEGER;
        while (pacer.nextDueMs() !== undefined) take();
        expect(taken).toEqual(tape.filter(({ dueMs }) => dueMs < cutMs));
      },
    ),
  );
});

test('a started tape has built itself up to its first event, and gives every event once', () => {
  let built = 0;
  const lazy = (...dues: readonly number[]) => ({
    *[Symbol.iterator]() {
      built++;
      yield* ticks(...dues);
    },
  });
  const tape = withFirstEvent(lazy(1, 2, 3));
  expect(built).toBe(1);
  expect([...tape]).toEqual(ticks(1, 2, 3));
  expect(built).toBe(1);
  expect([...withFirstEvent(lazy())]).toEqual([]);
});
