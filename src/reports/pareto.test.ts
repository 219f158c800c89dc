import { expect, test } from 'vitest';
import type { Comparison } from './comparison.ts';
import { paretoPicture } from './pareto.ts';

/** Of two designs; undefined: no data. */
type Medians = Readonly<Record<string, readonly (number | undefined)[]>>;

function comparison(medians: Medians): Comparison {
  const labels = ['tables', 'view'];
  return {
    ...{ version: 1, id: 'one', repeat: 1, reproduce: 'doorbuster compare', scenario: 'quick' },
    ...{ warnings: [], settings: [], metrics: [] },
    designs: labels.map((label) => ({
      ...{ label, pipeline: label, tier: 3, headline: '', counted: 1, trials: [] },
    })),
    measures: Object.entries(medians).map(([id, values]) => ({
      ...{ id, title: id, unit: 'ms', better: 'lower' as const },
      designs: values.map((median) => ({
        spread: { n: 1, missing: 0, values: [], ...(median === undefined ? {} : { median }) },
        change: null,
      })),
    })),
  };
}

const drawn = (medians: Medians): string => paretoPicture(comparison(medians))?.text ?? '';

const BOTH = {
  'staleness-p99': [5_000, 5_000],
  'slowest-query': [70, 70],
  cost: [20, 25],
} as const;

test('rows in memory are a point of their own, as stale as they are, at the cost of their design', () => {
  const picture = drawn({ ...BOTH, 'staleness-view-p99': [undefined, 50] });
  expect(picture).toContain('view, rows in memory <tspan class="dim">50 ms</tspan>');
  const circles = [...picture.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
  const [tables, memory, view] = circles.map(([, cx, cy]) => ({ cx: Number(cx), cy: Number(cy) }));
  // Nothing else is as fresh, at whatever cost.
  expect(picture).not.toContain('fill="none"');
  expect(memory?.cy).toBe(view?.cy);
  expect(view?.cx).toBe(tables?.cx);
  // Two powers of ten are the width of the picture but for the margins on both sides.
  expect((view?.cx ?? 0) - (memory?.cx ?? 0)).toBeGreaterThan(600);
});

test('without rows in memory there are as many points as designs', () => {
  const picture = drawn(BOTH);
  expect(picture.match(/<circle/g)).toHaveLength(2);
  expect(picture).not.toContain('rows in memory');
  expect(picture.match(/fill="none"/g), 'as fresh as the other, and dearer').toHaveLength(1);
});
