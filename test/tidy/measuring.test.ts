import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS } from '../../src/core/metrics.ts';
import { INVALID_RULES } from '../../src/harness/measure/invalid.ts';

const page = ['measuring', 'correctness', 'verdicts']
  .map((name) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8'))
  .join('\n');

test('every metric is defined in docs/measuring.md or docs/correctness.md', () => {
  const missing = Object.keys(METRICS).filter(
    (name) => !new RegExp(`\`${name}(\`|\\(| )`).test(page),
  );
  expect(missing).toEqual([]);
});

test('every INVALID rule is in the table of docs/verdicts.md', () => {
  const missing = INVALID_RULES.filter(({ rule }) => !page.includes(`| ${rule} `));
  expect(missing.map(({ rule }) => rule)).toEqual([]);
});
