import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scenarioJsonSchema } from './json-schema.ts';

const file = fileURLToPath(new URL('../../scenarios/scenario.schema.json', import.meta.url));

test('scenarios/scenario.schema.json is current (vitest -u writes it)', async () => {
  await expect(scenarioJsonSchema()).toMatchFileSnapshot(file);
});

test('the schema has the required keys, and forbids unknown ones', () => {
  const schema = JSON.parse(scenarioJsonSchema());
  expect(schema.required).toEqual(['name', 'retail', 'traffic', 'phases']);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties.pipeline.properties.commit_every).toMatchObject({
    type: 'string',
    default: '2s',
  });
});
