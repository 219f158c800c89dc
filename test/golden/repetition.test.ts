import { expect, test } from 'vitest';
import type { CompletedRecord } from '../../src/record/record.ts';
import type { RecordedTrial } from '../../src/record/series.ts';
import { repetitionOf } from '../../src/reports/repetition.ts';
import { renderRepetition, repetitionMarkdown } from '../../src/reports/repetition-text.ts';
import { completedRecord } from '../support/completed.ts';
import { scaledRecord } from '../support/scaled-record.ts';

const fixture = completedRecord(new URL('../fixtures/quick', import.meta.url).pathname);

/** A trial with every number of the fixture multiplied. */
function trial(number: number, factor: number, how: Partial<CompletedRecord> = {}): RecordedTrial {
  const record: CompletedRecord = {
    ...scaledRecord(fixture, factor),
    id: `20261127T12000${number}Z-quick-000${number}`,
    ...{ outcome: 'completed', verdict: 'PASS', exitCode: 0, ...how },
  };
  return { number, seed: 6 + number, record };
}

const repetition = repetitionOf(
  {
    ...{ id: '20261127T120000Z-quick-x4-cafe', trials: 4, seeds: 'increment' },
    reproduce: 'doorbuster run scenarios/quick.yaml --repeat 4',
  },
  [
    trial(1, 1.5),
    trial(2, 1),
    trial(3, 9, {
      ...{ verdict: 'INVALID', exitCode: 5 },
      invalid: [{ rule: 'other programs', fact: 'other programs took 31 %', limit: '15 %' }],
    }),
    trial(4, 1.1),
  ],
);

test('several trials in a terminal', async () => {
  const text = renderRepetition(repetition, { color: false, columns: 100 });
  await expect(text).toMatchFileSnapshot('./repetition.txt');
});

test('several trials as Markdown', async () => {
  await expect(repetitionMarkdown(repetition)).toMatchFileSnapshot('./repetition.md');
});

test('several trials as JSON', async () => {
  const { metrics, ...rest } = repetition;
  expect(metrics.length).toBeGreaterThan(100);
  const text = `${JSON.stringify({ ...rest, metrics: metrics.slice(0, 3) }, null, 1)}\n`;
  await expect(text).toMatchFileSnapshot('./repetition.json');
});
