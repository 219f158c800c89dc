import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import type { Comparison } from '../../src/reports/comparison.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';

/** Two designs through the built binary; their pipelines need no server. */

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-compare-'));
mkdirSync(join(dir, 'tmp'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A copy of the pipeline in this process, with changes of what is visible after a commit. */
function pipeline(name: string, inject: string): string {
  const folder = join(dir, name);
  cpSync(join(packageRoot, 'test/pipelines/in-process'), folder, { recursive: true });
  const manifest = join(folder, 'pipeline.yaml');
  const stage = '  - run: in-process\n';
  const text = readFileSync(manifest, 'utf8');
  expect(text).toContain(stage);
  writeFileSync(manifest, text.replace(stage, `${stage}    inject: ${inject}\n`));
  return folder;
}

test('designs that differ are compared on one page, again from their records, and in a list', async () => {
  const [prompt, late] = [pipeline('prompt', '{}'), pipeline('late', '{ delay_ms: 3000 }')];
  writeFileSync(
    join(dir, 'tiny.yaml'),
    `name: tiny
seed: 5
retail: { stores: 3, skus: 60, assortment: 20, hours: flat }
traffic:
  pos: { receipts: 3600/store/h }
  inventory: { preload: assortment }
pipeline: { use: ${prompt}, commit_every: 500ms }
queries: { cold: 0 }
phases:
  - { name: load, for: 3s }
checks:
  - lost == 0
`,
  );
  const compared = startDoorbuster(
    dir,
    ...['compare', 'tiny.yaml', '--vary', `pipeline.use=${prompt},${late}`, '--repeat', '1'],
  );
  expect([EXIT.pass, EXIT.invalid], compared.said()).toContain(await compared.ended);
  expect(compared.said()).toMatch(/estimate {2}2 trials, about/);
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
