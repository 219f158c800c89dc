import { expect, test } from 'vitest';
import type { RecordedDesign } from '../../src/record/comparison-plan.ts';
import type { CompletedRecord } from '../../src/record/record.ts';
import { comparisonOf } from '../../src/reports/comparison.ts';
import { comparisonHtml } from '../../src/reports/comparison-html.ts';
import { comparisonMarkdown, renderComparison } from '../../src/reports/comparison-text.ts';
import { completedRecord } from '../support/completed.ts';
import { scaledRecord } from '../support/scaled-record.ts';

const fixture = completedRecord(new URL('../fixtures/black-friday', import.meta.url).pathname);

/** Trials with the numbers of a real run multiplied, on a pipeline of another name. */
function design(
  label: string,
  factors: readonly number[],
  how: Partial<CompletedRecord> = {},
): RecordedDesign {
  return {
    label,
    trials: factors.map((factor, i) => ({
      number: i + 1,
      seed: 7 + i,
      record: {
        ...scaledRecord(fixture, factor),
        ...{ id: `20261127T12000${i}Z-black-friday-000${i}`, outcome: 'completed' },
        ...{ verdict: 'PASS', exitCode: 0, ...how },
        pipeline: { ...fixture.pipeline, name: label },
        scenario: {
          ...fixture.scenario,
          overrides: [{ path: 'pipeline.use', value: label }],
        },
      } as CompletedRecord,
    })),
  };
}

const designs = [
  design('cdc-upsert', [1, 1.05, 1.1]),
  design('append-ledger', [0.5, 0.55, 0.6]),
  design('mine', [1.02, 1.07, 9], {}),
];

const comparison = comparisonOf(
  {
    ...{ id: '20261127T120000Z-compare-black-friday-cafe', repeat: 3 },
    reproduce:
      'doorbuster compare scenarios/black-friday.yaml --vary pipeline.use=cdc-upsert,append-ledger,mine --repeat 3',
  },
  designs,
);

test('a comparison in a terminal', async () => {
  const text = renderComparison(comparison, { color: false, columns: 100 });
  await expect(text).toMatchFileSnapshot('./comparison.txt');
});

test('a comparison as Markdown', async () => {
  await expect(comparisonMarkdown(comparison)).toMatchFileSnapshot('./comparison.md');
});

test('a comparison as a page', async () => {
  await expect(comparisonHtml(comparison, designs)).toMatchFileSnapshot('./comparison.html');
});

test('a comparison as JSON', async () => {
  const { metrics, measures, ...rest } = comparison;
  expect(metrics.length).toBeGreaterThan(100);
  const cut = { ...rest, measures: measures.slice(0, 2), metrics: metrics.slice(0, 2) };
  await expect(`${JSON.stringify(cut, null, 1)}\n`).toMatchFileSnapshot('./comparison.json');
});
