import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { packageRoot } from '../../src/harness/entry.ts';

interface Alone {
  readonly commitEvery: string;
  /** Items of `phases` and `checks`, as in a scenario file. */
  readonly phases: readonly string[];
  readonly checks?: readonly string[];
}

/** A folder for `startDoorbuster`, removed after the test file, with scenarios on a pipeline `mine` that needs no server. */
export function aloneFolder(name: string, scenarios: Readonly<Record<string, Alone>>): string {
  const dir = mkdtempSync(join(tmpdir(), `doorbuster-${name}-`));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'tmp'));
  alonePipeline(dir, 'mine');
  for (const [of, { commitEvery, phases, checks = [] }] of Object.entries(scenarios)) {
    writeFileSync(
      join(dir, `${of}.yaml`),
      `name: ${of}
seed: 5
retail: { stores: 3, skus: 60, assortment: 20, hours: flat }
traffic:
  pos: { receipts: 3600/store/h }
  inventory: { preload: assortment }
pipeline: { use: ./mine, commit_every: ${commitEvery} }
queries: { cold: 0 }
phases:
${listed(phases)}${checks.length > 0 ? `checks:\n${listed(checks)}` : ''}`,
    );
  }
  return dir;
}

/** A pipeline without servers in `dir`, with faults that it injects into itself. */
export function alonePipeline(dir: string, name: string, inject = '{}'): string {
  const folder = join(dir, name);
  cpSync(join(packageRoot, 'test/pipelines/in-process'), folder, { recursive: true });
  injectInto(folder, inject);
  return folder;
}

/** Gives a pipeline of `alonePipeline` that has none yet the faults that it injects into itself. */
export function injectInto(folder: string, inject: string): void {
  if (inject === '{}') return;
  const manifest = join(folder, 'pipeline.yaml');
  const stage = '  - run: in-process\n';
  const text = readFileSync(manifest, 'utf8');
  if (!text.includes(stage)) throw new Error(`${manifest} has no stage without options`);
  writeFileSync(manifest, text.replace(stage, `${stage}    inject: ${inject}\n`));
}

const listed = (items: readonly string[]) => items.map((item) => `  - ${item}\n`).join('');
