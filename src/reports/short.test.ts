import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completedRecord } from '../../test/support/completed.ts';
import type { CheckResult, RecordedPhase, RunRecord } from '../record/record.ts';
import { renderShort } from './short.ts';

const fixture = completedRecord(
  fileURLToPath(new URL('../../test/fixtures/black-friday', import.meta.url)),
);
const [check] = fixture.checks;

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom('x'.repeat(500), 'a word '.repeat(80), 'two\nlines\tand a tab', '😀'.repeat(70)),
);
const verdict = fc.constantFrom('PASS', 'FAIL', 'NO_DATA', 'INVALID' as const);

/** Of what there may be more than a screen holds, and names that are too long for it. */
const crowd = fc.record({
  outcome: fc.constantFrom(
    ...(['completed', 'aborted', 'interrupted', 'stack-broke', 'crashed'] as const),
  ),
  checks: fc.array(fc.record({ text, verdict, reason: fc.option(text) }), { maxLength: 120 }),
  warnings: fc.array(text, { maxLength: 40 }),
  invalid: fc.array(fc.record({ rule: text, fact: text, limit: text }), { maxLength: 40 }),
  headline: text,
  name: text,
  reproduce: text,
  phases: fc.integer({ min: 0, max: 12 }),
  stack: fc.boolean(),
});

type Crowd = typeof crowd extends fc.Arbitrary<infer T> ? T : never;

function endOf(outcome: Crowd['outcome']) {
  if (outcome === 'completed') return { outcome, verdict: 'FAIL' } as const;
  if (outcome === 'aborted') return { outcome, verdict: 'FAIL' } as const;
  return { outcome, verdict: null } as const;
}

function crowded({
  headline,
  warnings,
  name,
  phases,
  stack,
  checks,
  outcome,
  ...more
}: Crowd): RunRecord {
  return {
    ...fixture,
    ...more,
    ...endOf(outcome),
    headline: { text: headline, warnings },
    scenario: { ...fixture.scenario, name },
    checks: checks.map((one) => ({ ...(check as CheckResult), ...one })),
    phases: Array.from({ length: phases }, (_, i) => fixture.phases[i % 6] as RecordedPhase),
    ...(stack ? { stack: { name, topicPrefix: name, namespace: name, kept: true } } : {}),
  };
}

test('fits a screen of 45 lines and 100 columns, whatever the record, and ends with the verdict', () => {
  fc.assert(
    fc.property(crowd, fc.integer({ min: 1, max: 200 }), (given, columns) => {
      const shown = renderShort(crowded(given), { color: false, columns });
      const lines = shown.trimEnd().split('\n');
      const width = Math.max(40, Math.min(columns, 100));
      expect(lines.length).toBeLessThanOrEqual(45);
      expect(lines.filter((line) => line.length > width)).toEqual([]);
      expect(lines.slice(-3).join(' ')).toMatch(/(FAIL|INTERRUPTED|STACK BROKE|CRASHED) {2}/);
      expect(shown).toContain('doorbuster report ');
    }),
    { numRuns: 60 },
  );
});

test('of more checks than fit, those that did not pass are shown, with the number of the others', () => {
  const checks = Array.from({ length: 60 }, (_, i) => ({
    ...(check as CheckResult),
    text: `lost == ${i}`,
    verdict: i % 20 === 19 ? ('FAIL' as const) : ('PASS' as const),
    reason: i % 20 === 19 ? `measured 7, and not == ${i}` : null,
  }));
  const shown = renderShort(
    { ...fixture, checks, verdict: 'FAIL' },
    { color: false, columns: 100 },
  );
  expect(shown.match(/^FAIL +lost +\d+ +== (19|39|59) /gm)).toHaveLength(3);
  const passed = shown.match(/^PASS +lost/gm)?.length ?? 0;
  expect(shown).toContain(`… ${57 - passed} more checks: ${57 - passed} PASS\n`);
  expect(shown).toMatch(/\nFAIL {2}3 of 60 checks failed \(exit code 0\)\n$/);
});

test('a folder that was given is never cut, so that its path can be copied', () => {
  const dir = `/${'deep/'.repeat(30)}run`;
  const shown = renderShort(fixture, { color: false, columns: 60, dir });
  expect(shown).toContain(`\nreport  ${dir}/report.html\nall     doorbuster report ${dir}\n`);
});

test('a long command is broken for a shell, and one that is too long is not shown in part', () => {
  const again = (sets: number) => {
    const reproduce = `doorbuster run x.yaml${' --set retail.stores=12'.repeat(sets)}`;
    const shown = renderShort({ ...fixture, reproduce }, { color: false, columns: 100 });
    return { reproduce, lines: shown.slice(shown.indexOf('\nagain ') + 9).split('\n\n')[0] ?? '' };
  };
  const fits = again(9);
  expect(fits.lines.replace(/ \\\n {8}/g, ' ')).toBe(fits.reproduce);
  expect(fits.lines.split('\n').length).toBeGreaterThan(1);
  expect(again(40).lines).toBe('the command is longer than this: see “reproduce” in record.json');
});
