import { describe, expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import { scaledRecord } from '../../test/support/scaled-record.ts';
import type { RecordedDesign } from '../record/comparison-plan.ts';
import type { RunRecord } from '../record/record.ts';
import { comparisonOf, incomparable } from './comparison.ts';
import { comparisonMarkdown } from './comparison-text.ts';

const fixture = completedRecord(
  new URL('../../test/fixtures/black-friday', import.meta.url).pathname,
);
const plan = { id: 'one', repeat: 3, reproduce: 'doorbuster compare' };

const passed = { outcome: 'completed', verdict: 'PASS' } as const;

function design(
  label: string,
  factors: readonly number[],
  edit: (record: RunRecord, i: number) => RunRecord = (record) => record,
): RecordedDesign {
  return {
    label,
    trials: factors.map((factor, i) => ({
      ...{ number: i + 1, seed: 7 + i },
      record: edit({ ...scaledRecord(fixture, factor), ...passed } as RunRecord, i),
    })),
  };
}

const p99Of = (designs: readonly RecordedDesign[]) =>
  comparisonOf(plan, designs).measures.find(({ id }) => id === 'staleness-p99')?.designs ?? [];

describe('a difference', () => {
  test('is found where all trials are apart, with its factor and interval', () => {
    const [first, other] = p99Of([design('a', [1, 1.1, 1.2]), design('b', [2, 2.2, 2.4])]);
    expect(first?.change).toBeNull();
    expect(other?.change).toMatchObject({ kind: 'ratio', found: 'higher' });
    expect(other?.change?.estimate).toBeCloseTo(2, 9);
    expect(other?.change?.low).toBeCloseTo(2 / 1.2, 9);
    expect(other?.change?.high).toBeCloseTo(2.4, 9);
  });

  test('is none where the trials overlap', () => {
    const [, other] = p99Of([design('a', [1, 1.1, 1.2]), design('b', [1.15, 1.3, 1.4])]);
    expect(other?.change?.found).toBe('no difference');
  });

  test('is undecided with two trials of each, however far apart they are, and the page says so', () => {
    const designs = [design('a', [1, 1.1]), design('b', [5, 5.5])];
    expect(p99Of(designs)[1]?.change?.found).toBe('undecided');
    const { warnings } = comparisonOf(plan, designs);
    expect(warnings.join()).toContain('fewer than 3 trials');
    expect(comparisonMarkdown(comparisonOf(plan, designs))).toContain('fewer than 3 trials');
  });

  test('is found where one design never shows a change and the other one does', () => {
    const never = (record: RunRecord) =>
      ({
        ...record,
        metrics: record.metrics.map((metric) =>
          metric.shape === 'distribution' && metric.name === 'staleness'
            ? { ...metric, stats: { ...metric.stats, p99: null } }
            : metric,
        ),
      }) as RunRecord;
    const [, other] = p99Of([design('a', [1, 1, 1]), design('b', [1, 1, 1], never)]);
    expect(other?.spread.median).toBeNull();
    expect(other?.change).toMatchObject({ found: 'higher', estimate: null });
  });
});

test('an INVALID trial and one that did not complete are in no number, and are named', () => {
  const edit = (record: RunRecord, i: number) =>
    (i === 2
      ? { ...record, verdict: 'INVALID', invalid: [{ rule: 'r', fact: 'f', limit: 'l' }] }
      : record) as RunRecord;
  const designs = [design('a', [1, 1, 1]), design('b', [1, 1, 9], edit)];
  const comparison = comparisonOf(plan, designs);
  expect(comparison.designs.map(({ counted }) => counted)).toEqual([3, 2]);
  expect(comparison.warnings).toContain('b: 2 of 3 trials count');
  const max = p99Of(designs)[1]?.spread.max;
  expect(max).toBe(p99Of(designs)[0]?.spread.max);
});

test('a number that no design has is left out, and one that only one has is no data in the others', () => {
  const without = (record: RunRecord) => ({ ...record, cost: null }) as unknown as RunRecord;
  const both = comparisonOf(plan, [design('a', [1], without), design('b', [1], without)]);
  expect(both.measures.map(({ id }) => id)).not.toContain('cost');
  const one = comparisonOf(plan, [design('a', [1]), design('b', [1], without)]);
  expect(one.measures.find(({ id }) => id === 'cost')?.designs[1]).toMatchObject({
    ...{ spread: { n: 0, missing: 1 }, change: null },
  });
});

describe('designs are not comparable', () => {
  const base = design('a', [1]);

  test('with other traffic, which is named with its values', () => {
    const other = design('b', [1], (record) => ({
      ...record,
      scenario: { ...record.scenario, overrides: [{ path: 'phases.spike.load', value: '3x' }] },
    }));
    expect(incomparable([base, other])).toEqual([
      'a and b have different traffic: phases.spike.load 5 / 3',
    ]);
  });

  test('on another machine, or with another version of a server that both use', () => {
    const other = design('b', [1], (record) => ({
      ...record,
      environment: {
        ...record.environment,
        cores: 64,
        versions: { ...record.environment.versions, kafka: '1.0', redis: '7' },
      },
    }));
    const [reason] = incomparable([base, other]);
    expect(reason).toMatch(/different lanes: cores \d+ and 64; kafka [\d.]+ and 1\.0$/);
  });

  test('with other seeds', () => {
    const other = { ...base, label: 'b', trials: base.trials.map((one) => ({ ...one, seed: 99 })) };
    expect(incomparable([base, other])).toEqual(['a and b have different seeds: 7; 99']);
  });

  test('if this version does not read a scenario', () => {
    const other = design('b', [1], (record) => ({
      ...record,
      scenario: { ...record.scenario, text: 'name: [' },
    }));
    expect(incomparable([base, other])[0]).toContain('does not read their scenarios');
  });

  test('another pipeline and another commit interval are what is compared', () => {
    const other = design('b', [1], (record) => ({
      ...record,
      scenario: {
        ...record.scenario,
        overrides: [
          { path: 'pipeline.use', value: 'append-ledger' },
          { path: 'pipeline.commit_every', value: '1s' },
        ],
      },
    }));
    expect(incomparable([base, other])).toEqual([]);
    const { settings } = comparisonOf(plan, [base, other]);
    expect(settings).toEqual([
      { path: 'pipeline.use', values: ['cdc-upsert', 'append-ledger'] },
      { path: 'pipeline.commitEveryMs', values: ['5000', '1000'] },
    ]);
  });
});

test('broken promises cost what the record assumes of each', () => {
  const order = { promised: 200, broken: { per10k: 250, low: 100, high: 400 } };
  const promises = { usdEach: 12, phases: [{ phase: 'spike', order }] };
  const broken = (record: RunRecord) => ({ ...record, promises }) as unknown as RunRecord;
  const { measures } = comparisonOf(plan, [design('a', [1], broken), design('b', [1], broken)]);
  const of = (id: string) => measures.find((one) => one.id === id)?.designs[0]?.spread.median;
  expect(of('broken')).toBe(250);
  expect(of('broken-cost')).toBe(3_000);
});
