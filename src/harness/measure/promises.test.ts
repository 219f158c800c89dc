import { describe, expect, test, vi } from 'vitest';
import { wilson } from '../../core/intervals.ts';
import { type Random, random } from '../../core/random.ts';
import { type JudgedPromise, shareInterval } from './promises.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 120_000 });

const BROKEN = ['stale', 'phantom'] as const;
const ROWS = 400;
const EACH = 25;
const RUNS_OUT = 0.06;
const SHARE = RUNS_OUT * 0.5;

/** Orders on rows of which a few run out, and then half of their orders are broken: they fail together. */
function orders(draw: Random): readonly JudgedPromise[] {
  return Array.from({ length: ROWS }, (_, row) => {
    const out = draw.chance(RUNS_OUT);
    return Array.from({ length: EACH }, (): JudgedPromise => {
      return { row: `1/${row}`, fate: out && draw.chance(0.5) ? 'stale' : 'kept' };
    });
  }).flat();
}

describe('the interval of broken promises', () => {
  test('has its nominal coverage if the orders of a row fail together', () => {
    const draw = random(12, 'clusters');
    const runs = 60;
    let bootstrapped = 0;
    let independent = 0;
    for (let i = 0; i < runs; i++) {
      const judged = orders(draw);
      const broken = judged.filter(({ fate }) => fate === 'stale').length;
      const holds = ({ low, high }: { low: number; high: number }) => low <= SHARE && SHARE <= high;
      if (holds(shareInterval(judged, BROKEN))) bootstrapped += 1;
      if (holds(wilson(broken, judged.length))) independent += 1;
    }
    expect(bootstrapped / runs).toBeGreaterThan(0.85);
    // As if every order were drawn by itself, it holds it about half as often as it says.
    expect(independent / runs).toBeLessThan(0.7);
  });

  test('of independent orders is about Wilson’s', () => {
    const draw = random(13, 'independent');
    const judged = Array.from({ length: 3_000 }, (_, i): JudgedPromise => {
      return { row: `1/${i}`, fate: draw.chance(0.04) ? 'phantom' : 'kept' };
    });
    const broken = judged.filter(({ fate }) => fate === 'phantom').length;
    const [mine, theirs] = [shareInterval(judged, BROKEN), wilson(broken, judged.length)];
    expect(mine.low).toBeCloseTo(theirs.low, 2);
    expect(mine.high).toBeCloseTo(theirs.high, 2);
  });

  test('without a broken one has an upper bound, by the number of rows', () => {
    const kept = (row: number): JudgedPromise => ({ row: `1/${row}`, fate: 'kept' });
    const judged = Array.from({ length: 1_000 }, (_, i) => kept(i % 20));
    const refused: JudgedPromise = { row: '9/9', fate: 'refused' };
    expect(shareInterval([...judged, refused], BROKEN)).toEqual(wilson(0, 20));
  });
});
