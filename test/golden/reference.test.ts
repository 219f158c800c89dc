import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/harness/entry.ts';
import {
  cliReference,
  exitCodeReference,
  metricsReference,
  pipelineReference,
  scenarioReference,
} from '../support/reference.ts';

const PAGES = {
  cli: cliReference,
  scenario: scenarioReference,
  pipeline: pipelineReference,
  metrics: metricsReference,
  'exit-codes': exitCodeReference,
} as const;

test.each(Object.entries(PAGES))('docs/reference/%s.md is current (npm run reference writes it)', async (name, write) => {
  await expect(await write()).toMatchFileSnapshot(join(packageRoot, `docs/reference/${name}.md`));
});
