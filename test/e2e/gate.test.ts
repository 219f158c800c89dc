import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import type { Gate } from '../../src/reports/gate.ts';
import { aloneFolder, alonePipeline, injectInto } from '../support/alone.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';

/** A change of a pipeline through the built binary, against what git has; the pipelines need no server. */

const dir = aloneFolder('gate', {
  tiny: {
    commitEvery: '500ms',
    phases: ['{ name: load, for: 3s }', '{ name: after, do: query }'],
    checks: ['lost == 0'],
  },
  short: { commitEvery: '500ms', phases: ['{ name: load, for: 1s }'], checks: ['lost == 0'] },
});

const git = (...args: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd: dir });

git('init', '--quiet', '--initial-branch=main');
git('add', 'mine');
git('commit', '--quiet', '--message=The pipeline in use');
alonePipeline(dir, 'sound');
injectInto(join(dir, 'mine'), '{ lose_every: 5 }');

test('a change that loses rows fails at the first pair, against the pipeline of a git ref', async () => {
  const { ended, said } = startDoorbuster(
    dir,
    ...['gate', '--base', 'main:mine', '--head', 'mine', '--scenario', 'tiny.yaml'],
  );
  const code = await ended;
  const folder = runIn(join(dir, 'results')) as string;
  const read = () => JSON.parse(readFileSync(join(folder, RUN_FILES.gate), 'utf8')) as Gate;
  const gate = read();
  // On a busy machine a pair may be INVALID; the next one then decides.
  expect(code, said()).toBe(EXIT.checkFailed);
  expect(gate).toMatchObject({ verdict: 'FAIL', pairs: 1 });
  expect(gate.base.label).toBe('base main:mine');
  expect(gate.truth.join()).toMatch(/rows? lost in /);
  expect(gate.warnings.filter((one) => !one.includes('does not count'))).toEqual([]);
  expect(said()).toContain('warm-up, base main:mine: not counted');
  expect(said()).toContain('head mine lost, duplicated or falsified rows');
  expect(said()).toMatch(/differs {3}pipeline\.use/);

  const again = startDoorbuster(dir, 'report', folder, '--format', 'junit');
  expect(await again.ended, again.said()).toBe(EXIT.pass);
  expect(again.said()).toContain('<failure message="');
  expect(read()).toEqual(gate);

  const listed = startDoorbuster(dir, 'list');
  expect(await listed.ended).toBe(EXIT.pass);
  expect(listed.said()).toContain('head mine against base main:mine');
}, 240_000);

test('what cannot be gated is refused before anything starts', async () => {
  writeFileSync(join(dir, 'odd.yaml'), 'metrics: { stalenes-p99: {} }\n');
  const refused = async (...args: string[]) => {
    const one = startDoorbuster(dir, 'gate', '--scenario', 'tiny.yaml', ...args);
    expect(await one.ended, one.said()).toBe(EXIT.badInput);
    return one.said();
  };
  expect(await refused('--base', 'mine')).toContain('a gate needs a change');
  expect(await refused('--base', 'nowhere', '--head', 'mine')).toContain(
    '--base nowhere is no scenario, no pipeline and no git ref',
  );
  expect(await refused('--base', 'main:yours', '--head', 'mine')).toContain(
    'cannot read yours at main from git',
  );
  expect(await refused('--base', 'tmp', '--head', 'mine')).toContain('without pipeline.yaml');
  expect(await refused('--base', 'mine', '--head', 'mine', '--metrics', 'odd.yaml')).toContain(
    'no metric "stalenes-p99": did you mean "staleness-p99"?',
  );
  const floor = { id: 'cost', title: 'CPU', floor: 0.24, detectable: [] };
  const noise = { version: 1, lane: 'here', scenario: 'tiny', pairs: 12, metrics: [floor] };
  writeFileSync(join(dir, 'noisy.json'), JSON.stringify(noise));
  expect(await refused('--base', 'mine', '--head', 'mine', '--noise', 'noisy.json')).toContain(
    'an effect of 20 % of cost is within the noise of 24 %',
  );
  expect(await refused('--base', 'mine', '--head', 'mine', '--noise', 'odd.yaml')).toContain(
    'odd.yaml is not JSON',
  );
  expect(await refused('--base', 'mine', '--head-set', 'retail.stores=4')).toContain(
    'different traffic: retail.stores 3 / 4',
  );
  // The run of the test before this one is there, and no folder of a gate that was refused.
  expect(readdirSync(join(dir, 'results')).filter((one) => one.includes('gate'))).toHaveLength(1);
}, 120_000);

test('a head is judged against recorded runs, as advice; other traffic is refused before it runs', async () => {
  const folder = (results: string) => runIn(join(dir, results)) as string;
  const base = startDoorbuster(
    dir,
    ...['run', 'short.yaml', '--repeat', '3', '--results', 'recorded'],
    ...['--set', 'pipeline.use=./sound'],
  );
  await base.ended;
  // On a busy machine a trial may be INVALID; what this is about is the use of those that count.
  for (const run of readdirSync(folder('recorded'))) {
    const file = join(folder('recorded'), run, RUN_FILES.record);
    if (!existsSync(file)) continue;
    const record = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...record, verdict: 'PASS', exitCode: 0, invalid: [] }));
  }
  const gate = (...more: readonly string[]) =>
    startDoorbuster(
      dir,
      ...['gate', '--against', folder('recorded'), '--head', 'mine', '--scenario', 'short.yaml'],
      ...['--results', 'judged', ...more],
    );
  const other = gate('--set', 'phases.load.for=2s');
  expect(await other.ended, other.said()).toBe(EXIT.badInput);
  expect(other.said()).toMatch(/different traffic: phases\.load/);
  expect(runIn(join(dir, 'judged'))).toBeUndefined();

  const advice = gate();
  expect(await advice.ended, base.said() + advice.said()).toBe(EXIT.pass);
  expect(advice.said()).toMatch(/lost, duplicated or falsified rows\. This is advice/);
  const found = JSON.parse(readFileSync(join(folder('judged'), RUN_FILES.against), 'utf8'));
  expect(found).toMatchObject({ verdict: 'FAIL', strict: false, exitCode: 0 });
  expect(found.head.counted).toBeGreaterThan(0);
}, 240_000);
