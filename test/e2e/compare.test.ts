import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import type { Comparison } from '../../src/reports/comparison.ts';
import { aloneFolder, alonePipeline } from '../support/alone.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';

/** Two designs through the built binary; their pipelines need no server. */

const dir = aloneFolder('compare', {
  tiny: { commitEvery: '500ms', phases: ['{ name: load, for: 3s }'], checks: ['lost == 0'] },
});

test('designs that differ are compared on one page, again from their records, and in a list', async () => {
  const [prompt, late] = [
    alonePipeline(dir, 'prompt'),
    alonePipeline(dir, 'late', '{ delay_ms: 3000 }'),
  ];
  const compared = startDoorbuster(
    dir,
    ...['compare', 'tiny.yaml', '--vary', `pipeline.use=${prompt},${late}`, '--repeat', '1'],
    '--warm-up',
  );
  expect([EXIT.pass, EXIT.invalid], compared.said()).toContain(await compared.ended);
  expect(compared.said()).toMatch(/estimate {2}2 trials and a warm-up, about/);
  expect(compared.said()).toContain('warm-up, prompt: not counted');
  const folder = runIn(join(dir, 'results')) as string;
  const read = () =>
    JSON.parse(readFileSync(join(folder, RUN_FILES.compare), 'utf8')) as Comparison;
  const { designs, measures, warnings } = read();
  expect(designs.map(({ trials }) => trials.map(({ seed }) => seed))).toEqual([[5], [5]]);
  expect(designs.map(({ label }) => label)).toEqual(['prompt', 'late']);
  expect(warnings.join()).toContain('fewer than 3 trials');
  // On a busy machine a trial may be INVALID, and is then in no number.
  if (designs.every(({ counted }) => counted > 0)) {
    const change = measures.find(({ id }) => id === 'staleness-p50')?.designs[1]?.change;
    expect(change?.estimate).toBeGreaterThan(2);
    expect(change?.found).toBe('undecided');
  }
  const page = readFileSync(join(folder, RUN_FILES.compareHtml), 'utf8');
  expect(page).toContain('1 trial of each');

  const again = startDoorbuster(dir, 'report', folder);
  expect(await again.ended, again.said()).toBe(EXIT.pass);
  expect(again.said()).toContain('staleness of the stock at the peak, p50');
  expect(read().measures).toEqual(measures);

  const listed = startDoorbuster(dir, 'list');
  expect(await listed.ended).toBe(EXIT.pass);
  expect(listed.said()).toContain('comparison');

  const [a, b] = designs.map(({ trials }) => join(folder, trials[0]?.run ?? ''));
  const records = startDoorbuster(dir, 'compare', a as string, b as string, '--json');
  expect([EXIT.pass, EXIT.invalid], records.said()).toContain(await records.ended);
  expect(records.said()).toContain('fewer than 3 trials');
}, 240_000);

test('what cannot be compared is refused before anything starts', async () => {
  const refused = async (...args: string[]) => {
    const one = startDoorbuster(dir, 'compare', ...args);
    expect(await one.ended, one.said()).toBe(EXIT.badInput);
    return one.said();
  };
  const [first, second, third, fourth] = await Promise.all([
    refused('scenarios/quick.yaml'),
    refused('scenarios/quick.yaml', '--vary', 'retail.stores=12,13'),
    refused('scenarios/quick.yaml', '--vary', 'pipeline.use'),
    refused('scenarios/quick.yaml', '--vary', 'pipeline.use=cdc-upsert,nowhere'),
  ]);
  expect(first).toContain('at least two designs');
  expect(second).toContain('different traffic: retail.stores 12 / 13');
  expect(third).toContain('is not KEY=VALUE,VALUE');
  expect(fourth).toContain('nowhere');
});
