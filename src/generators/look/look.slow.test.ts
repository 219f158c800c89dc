import { expect, test } from 'vitest';
import { parseScenario } from '../../scenario/parse.ts';
import { CATEGORY_EXPONENT } from '../world/categories.ts';
import { type Distances, distancesOf } from './distance.ts';
import { equallySampled } from './equal-sample.ts';
import { MEASURED_GROCER } from './grocer.ts';
import { generatedLook } from './look.ts';

/** A scenario that says nothing about products but their number. */
function distancesFor(retail: string, seed: number): Distances {
  const { scenario } = parseScenario(
    `name: test
seed: ${seed}
starts_at: 2026-11-25T09:00
retail: { ${retail} }
traffic: { pos: {} }
phases: [{ name: only, for: 60s }]
`,
    { file: 'test.yaml' },
  );
  const generated = generatedLook(scenario);
  const measured = { ...MEASURED_GROCER, categories: CATEGORY_EXPONENT };
  return distancesOf(generated, equallySampled(measured, generated));
}

const SIZES = [
  ['the defaults', 'stores: 200'],
  ['few stores', 'stores: 12'],
  ['as many products as were measured', `stores: 200, skus: ${MEASURED_GROCER.products}`],
  ['200,000 products', 'stores: 200, skus: 200000'],
  ['5,000 stores with 200,000 products', 'stores: 5000, skus: 200000'],
] as const;

test.each(SIZES)('every distance from the measured grocer is below 0.1: %s', (_, retail) => {
  for (const seed of [1, 2, 3]) {
    for (const [what, distance] of Object.entries(distancesFor(retail, seed))) {
      expect(Math.abs(distance ?? Number.NaN), `${what}, seed ${seed}`).toBeLessThan(0.1);
    }
  }
});

test('assortments of 20 SKUs are far from those of a grocer, and by half core further yet', () => {
  const small = 'stores: 200, skus: 500, assortment: 20';
  const [own, core] = [small, `${small}, assortment_by: core`].map((retail) =>
    distancesFor(retail, 1),
  );
  expect(own?.popularity).toBeGreaterThan(0.2);
  expect(core?.popularity).toBeGreaterThan((own?.popularity ?? 1) + 0.15);
  expect(core?.overlap).toBeGreaterThan((own?.overlap ?? 1) + 0.1);
});
