import { describe, expect, test, vi } from 'vitest';
import { type Random, random } from '../../core/random.ts';
import { type BackgroundQuery, gainLastsOf } from './gain-lasts.ts';
import { paybackMetric, paybackOf, type RoundQuery } from './payback.ts';

// Facts, not speeds: other work may share the machine.
vi.setConfig({ testTimeout: 120_000 });

const Inf = Number.POSITIVE_INFINITY;
const query = (name: string, coreSeconds: readonly (number | null)[]): RoundQuery => {
  return { name, coreSeconds };
};
const times = (n: number, value: number) => Array<number>(n).fill(value);

describe('payback', () => {
  const noisy = (draw: Random, n: number, mean: number) =>
    ['revenue', 'low-stock'].map((name) =>
      query(
        name,
        Array.from({ length: n }, () => mean * draw.logNormal(0, 0.3)),
      ),
    );

  test('has an interval that follows the noise of both rounds', () => {
    const draw = random(21, 'payback');
    const found = paybackOf(20, noisy(draw, 12, 2), noisy(draw, 12, 0.5));
    if (found.kind !== 'pays back') throw new Error(found.kind);
    expect(found.n).toBe(12);
    // 20 core-s spent, about 3.1 saved per round.
    expect(found.rounds).toBeGreaterThan(4);
    expect(found.rounds).toBeLessThan(10);
    expect(found.interval?.low).toBeLessThan(found.rounds);
    expect(found.interval?.high).toBeGreaterThan(found.rounds);
    const sure = paybackOf(20, [query('a', times(10, 3))], [query('a', times(10, 1))]);
    expect(sure).toEqual({ kind: 'pays back', rounds: 10, interval: { low: 10, high: 10 }, n: 10 });
  });

  test('of a compaction without effect has no data, whichever round was faster', () => {
    const draw = random(22, 'no effect');
    const kinds = Array.from({ length: 60 }, () =>
      paybackOf(20, noisy(draw, 10, 1), noisy(draw, 10, 1)),
    );
    const told = kinds.filter(({ kind }) => kind !== 'no data');
    expect(told.length).toBeLessThanOrEqual(7);
    const [first] = kinds.filter(({ kind }) => kind === 'no data');
    expect(first).toMatchObject({ reason: expect.stringMatching(/contains 0/) });
  });

  test('needs ten answers of every query, and names one with fewer', () => {
    const enough = query('revenue', times(10, 2));
    expect(paybackOf(20, [enough, query('low-stock', times(9, 3))], [enough])).toEqual({
      kind: 'no data',
      reason: 'low-stock has only 9 answers in a round, and it needs 10 of each query',
    });
  });

  test('has no data if an answer is missing, or the CPU time is unknown', () => {
    const [before, after] = [query('revenue', times(10, 2)), query('revenue', times(10, 1))];
    const late = query('revenue', [...times(10, 1), null]);
    expect(paybackOf(20, [before], [late])).toMatchObject({
      reason: 'no round after the compaction in which every query gave an answer',
    });
    expect(paybackOf(20, [], [after]).kind).toBe('no data');
    expect(paybackOf(null, [before], [after])).toMatchObject({
      reason: 'the CPU time of the compaction is unknown',
    });
    expect(paybackOf(20, [after], [before])).toEqual({ kind: 'does not pay back', n: 10 });
  });

  test('as a metric is that of the last compact phase, which may have failed', () => {
    const phases = ['first', 'second'].map((name) => ({ name, kind: 'compact' as const }));
    const of = (phase: string, kind: 'does not pay back' | 'no data') => ({
      ...{ phase, staleness: [], queries: [] },
      payback: kind === 'no data' ? { kind, reason: 'none' } : { kind, n: 10 },
    });
    const first = of('first', 'does not pay back');
    expect(paybackMetric([first], phases)).toEqual([]);
    expect(paybackMetric([first, of('second', 'no data')], phases)).toEqual([]);
    const second = of('second', 'does not pay back');
    expect(paybackMetric([of('first', 'no data'), second], phases)).toMatchObject([
      { value: null, n: 10 },
    ]);
  });
});

describe('how long the gain lasts', () => {
  const run = { startMs: 60_000, endMs: 80_000 };
  const QUERIES = ['revenue', 'low-stock', 'full-aggregate'];
  /** Each query every 6 s: before with 1 s each, after by the function of the time since the compaction. */
  const ticks = (n: number, after: (sinceMs: number) => number): BackgroundQuery[] =>
    QUERIES.flatMap((name, q) => [
      ...[0, 1, 2, 3].map((i) => ({
        query: name,
        intendedMs: 30_000 + 6_000 * i,
        latencyMs: 1_000,
      })),
      ...Array.from({ length: n }, (_, i) => {
        const sinceMs = 6_000 * i + 2_000 * q;
        return { query: name, intendedMs: run.endMs + sinceMs, latencyMs: after(sinceMs) };
      }),
    ]);

  test('a known growth is found, through noise and an outlier', () => {
    const draw = random(31, 'growth');
    // From 200 ms, 5 ms a second: back at 1 s after 160 s.
    const found = gainLastsOf(
      ticks(20, (t) => 200 + t / 200 + 20 * draw.normal()),
      run,
    );
    expect(found.gainLastsMs).toBeGreaterThan(140_000);
    expect(found.gainLastsMs).toBeLessThan(180_000);
    const { low = 0, high = 0, n } = found.gainLastsInterval ?? {};
    expect(n).toBe(20);
    expect(low).toBeLessThan(160_000);
    expect(high).toBeGreaterThan(160_000);
    const outlier = gainLastsOf(
      ticks(20, (t) => (t === 60_000 ? Inf : 200 + t / 200)),
      run,
    );
    expect(outlier.gainLastsMs).toBeCloseTo(160_000, 0);
  });

  test('a flat series gives a duration in no more than the nominal share', () => {
    const draw = random(32, 'flat');
    const runs = 400;
    let told = 0;
    for (let i = 0; i < runs; i++) {
      const { gainLastsMs } = gainLastsOf(
        ticks(10, () => 200 * draw.logNormal(0, 0.4)),
        run,
      );
      if (typeof gainLastsMs === 'number') told += 1;
      else expect(gainLastsMs).toBeNull();
    }
    // 2.5 % on the side of growth: 27 of 60 before.
    expect(told / runs).toBeLessThan(0.045);
  });

  test('time-outs count as +∞, and do not vanish from the line', () => {
    const growing = (t: number) => 200 + t / 2_000;
    const timesOut = ticks(12, (t) => (t >= 54_000 ? Inf : growing(t)));
    // Nine rounds of twelve are on the line: without the others it would be reported as certain.
    expect(gainLastsOf(ticks(12, growing), run).gainLastsInterval?.low).toBeGreaterThan(1_500_000);
    expect(gainLastsOf(timesOut, run).gainLastsInterval?.low).toBe(0);
    // And they are answers: leaving them out would leave too few for a line.
    const answered = timesOut.filter(({ latencyMs }) => latencyMs < Inf);
    expect(gainLastsOf(answered, run)).toEqual({});
  });

  test('is left out where the answers are too few, or the minute before timed out', () => {
    expect(
      gainLastsOf(
        ticks(9, (t) => 200 + t),
        run,
      ),
    ).toEqual({});
    expect(gainLastsOf([], run)).toEqual({});
    const slow = ticks(12, (t) => 200 + t).map((tick) =>
      tick.intendedMs < run.startMs ? { ...tick, latencyMs: Inf } : tick,
    );
    expect(gainLastsOf(slow, run)).toEqual({});
  });
});
