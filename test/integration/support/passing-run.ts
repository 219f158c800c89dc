import { expect } from 'vitest';
import { packageRoot } from '../../../src/harness/entry.ts';
import { labOn } from '../../../src/harness/experiment/lab.ts';
import type { TrialOptions } from '../../../src/harness/experiment/trial-context.ts';
import type { RunRecord } from '../../../src/record/record.ts';
import { parseScenario } from '../../../src/scenario/parse.ts';

/** Runs a scenario once in a lab: nothing failed, and every check passed. Returns its record. */
export async function passingRun(
  lab: Parameters<typeof labOn>[0],
  scenario: string,
  {
    file,
    resultsDir,
    onEvent = () => {},
  }: Pick<TrialOptions, 'resultsDir'> & {
    readonly file: string;
    readonly onEvent?: TrialOptions['onEvent'];
  },
): Promise<RunRecord> {
  const { record } = await labOn(lab).run({
    parsed: { ...parseScenario(scenario, { file }), file },
    ...{ resultsDir, onEvent, baseDir: packageRoot },
    signal: new AbortController().signal,
    reproduce: `doorbuster run ${file}`,
  });
  expect(record.failures).toEqual([]);
  expect(record.outcome).toBe('completed');
  expect(record.checks.map(({ text, verdict }) => [text, verdict])).toEqual(
    record.checks.map(({ text }) => [text, 'PASS']),
  );
  return record;
}
