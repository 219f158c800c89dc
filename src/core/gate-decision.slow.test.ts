import { describe, expect, test } from 'vitest';
import { decide, type GatedMetric, LOOKS } from './gate-decision.ts';
import { random } from './random.ts';

/**
 * Simulated gates of ten metrics with an effect of 10 %: how often they find what is not there, and what is. The numbers are
 * those of the table in docs/gate.md.
 */

const METRICS = 10;
const EFFECT = 0.1;
const GATES = 1_000;

interface World {
  /** Coefficient of variation of a metric from run to run. */
  readonly cv: number;
  /** Correlation of the metrics of a run. */
  readonly correlation: number;
  /** Change of the first metric, as a share. */
  readonly change: number;
}

/** Outcome of one gate: it ends at the first look that finds something, or decides every metric. */
function gate(draw: ReturnType<typeof random>, { cv, correlation, change }: World) {
  // Log-normal values of this coefficient of variation; a pair has two runs.
  const deviation = Math.sqrt(2 * Math.log1p(cv * cv));
  const pairs: number[][] = Array.from({ length: METRICS }, () => []);
  for (const { pairs: wanted, alpha } of LOOKS) {
    while ((pairs[0]?.length ?? 0) < wanted) {
      const common = draw.normal();
      for (const [i, ratios] of pairs.entries()) {
        const own = draw.normal();
        const noise = Math.sqrt(correlation) * common + Math.sqrt(1 - correlation) * own;
        ratios.push(deviation * noise + (i === 0 ? Math.log1p(change) : 0));
      }
    }
    const found = decide(
      pairs.map((logRatios): GatedMetric => ({ logRatios, effect: EFFECT, noise: null })),
      alpha,
    ).map((one) => one.found);
    if (found.includes('worse')) return { worse: found.map((one) => one === 'worse') };
    if (found.every((one) => one === 'same')) break;
  }
  return { worse: Array<boolean>(METRICS).fill(false) };
}

function share(world: World, counts: (worse: readonly boolean[]) => boolean): number {
  const draw = random(15, 'gates', world.cv, world.correlation, world.change);
  let n = 0;
  for (let i = 0; i < GATES; i++) if (counts(gate(draw, world).worse)) n += 1;
  return n / GATES;
}

const CVS = [0.03, 0.1, 0.2] as const;

describe.each([0, 0.8])('metrics with a correlation of %d', (correlation) => {
  test.each(CVS)('CV %d: without a change at most one gate in twenty finds one', (cv) => {
    const found = share({ cv, correlation, change: 0 }, (worse) => worse.includes(true));
    // Three standard errors of a share of 5 % over so many gates.
    expect(found).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / GATES));
  });
});

/** Share of gates that find the change of one metric, for +10, +20 and +50 %. */
const POWER: Readonly<Record<(typeof CVS)[number], readonly [number, number, number]>> = {
  0.03: [1, 1, 1],
  0.1: [0.18, 0.75, 1],
  0.2: [0.03, 0.16, 0.85],
};

test.each(CVS)('CV %d: a change is found as often as the table says', (cv) => {
  const found = [0.1, 0.2, 0.5].map((change) =>
    share({ cv, correlation: 0, change }, ([first]) => first === true),
  );
  for (const [i, expected] of POWER[cv].entries()) {
    expect(Math.abs((found[i] as number) - expected), `${found}`).toBeLessThanOrEqual(0.03);
  }
});
