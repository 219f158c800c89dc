import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS } from '../../src/core/metrics.ts';
import { INVALID_RULES } from '../../src/harness/measure/invalid.ts';

const page = readFileSync(new URL('../../docs/measuring.md', import.meta.url), 'utf8');

test('every metric is defined in docs/measuring.md', () => {
  const missing = Object.keys(METRICS).filter(
    (name) => !new RegExp(`\`${name}(\`|\\(| )`).test(page),
  );
  expect(missing).toEqual([]);
});

test('every INVALID rule is in its table', () => {
  const missing = INVALID_RULES.filter(({ rule }) => !page.includes(`| ${rule} `));
  expect(missing.map(({ rule }) => rule)).toEqual([]);
});
