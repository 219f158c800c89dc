import { expect, test } from 'vitest';
import type { Phase } from './scenario.ts';
import { timedMs, timeline } from './timeline.ts';

function load(name: string, forMs: number): Phase {
  return { kind: 'load', name, forMs, load: 1, shape: 'flat', measured: true };
}

test('timed phases follow one another from t0; the others have no place on the tape', () => {
  const phases = [load('a', 5_000), load('b', 250), { kind: 'query', name: 'c' } as const];
  expect(
    timeline({ phases }).map(({ phase, startMs, endMs }) => [phase.name, startMs, endMs]),
  ).toEqual([
    ['a', 0, 5_000],
    ['b', 5_000, 5_250],
  ]);
  expect(timedMs({ phases })).toBe(5_250);
});
