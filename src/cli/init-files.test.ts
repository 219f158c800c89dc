import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../harness/entry.ts';
import { SHIPPED } from '../harness/pipelines/load.ts';
import { parseScenario } from '../scenario/parse.ts';
import { parseManifest } from '../topology/manifest.ts';
import { initFiles } from './init-files.ts';

describe.each(SHIPPED)('a folder from %s', (shipped) => {
  const files = initFiles(shipped);
  const textOf = (path: string) => files.find((file) => file.path === path)?.text as string;

  test('differs from the shipped pipeline in its name alone', () => {
    const copied = files.filter(({ path }) => path.startsWith('pipelines/mine/'));
    const changed = copied.filter(({ path, text }) => {
      const original = path.replace('pipelines/mine', `pipelines/${shipped}`);
      return text !== readFileSync(join(packageRoot, original), 'utf8');
    });
    expect(copied.length).toBeGreaterThan(6);
    expect(changed.map(({ path }) => path)).toEqual(['pipelines/mine/pipeline.yaml']);
    expect(parseManifest(textOf('pipelines/mine/pipeline.yaml'), 'mine').name).toBe('mine');
  });

  test('has a scenario that uses it, with a schema for editors where its first line says', () => {
    const text = textOf('scenario.yaml');
    const { scenario } = parseScenario(text, { file: 'scenario.yaml', set: [] });
    expect(scenario.pipeline.use).toBe('./pipelines/mine');
    const schema = /^# yaml-language-server: \$schema=\.\/(\S+)\n/.exec(text)?.[1] as string;
    expect(textOf(schema)).toBe(
      readFileSync(join(packageRoot, 'scenarios/scenario.schema.json'), 'utf8'),
    );
  });
});
