import { describe, expect, test } from 'vitest';
import { explainCommand } from '../../src/cli/commands/explain.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { SHIPPED } from '../../src/harness/pipelines/load.ts';
import { STREAMS } from '../../src/scenario/scenario.ts';
import { decodeSql } from '../../src/topology/decode-sql.ts';

/** What `doorbuster explain` prints of the pipelines that ship. After a change: `vitest run -u`, and look. */

async function printed(pipeline: string, options: Readonly<Record<string, unknown>>) {
  const lines: string[] = [];
  const terminal = { result: (text: string) => lines.push(text), columns: 100 } as Partial<Terminal>;
  await explainCommand.run({ pipeline, set: [], ...options }, {
    terminal: terminal as Terminal,
    signal: new AbortController().signal,
  });
  return `${lines.join('\n')}\n`;
}

describe.each(SHIPPED)('explain %s', (name) => {
  test.each([
    ['txt', {}],
    ['sql', { sql: true }],
    ['json', { json: true }],
    ['mmd', { mermaid: true }],
  ])('as %s', async (ending, options) => {
    await expect(await printed(name, options)).toMatchFileSnapshot(`explain/${name}.${ending}`);
  });
});

test.each(SHIPPED)('the text of %s is a screen', async (name) => {
  const lines = (await printed(name, {})).split('\n');
  expect(lines.length).toBeLessThanOrEqual(40);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
});

test('the SQL is what the folder and the generator have, and nothing is left to fill in', async () => {
  const sql = await printed('cdc-upsert', { sql: true });
  for (const stream of STREAMS) {
    for (const part of ['fields', 'judged', 'accepted'] as const) {
      expect(sql).toContain(`-- ${stream}_${part} (generated)\n${decodeSql(stream, part, 'function')};`);
    }
  }
  expect(sql.match(/^EXECUTE STATEMENT SET BEGIN$/gm)).toHaveLength(STREAMS.length);
  expect(sql).not.toContain('${');
});

test('a folder that is not there is named', async () => {
  await expect(printed('./nowhere', {})).rejects.toThrow('there is no pipeline folder ./nowhere');
});

test('a scenario determines the streams and the values of the placeholders', async () => {
  const sql = await printed('cdc-upsert', {
    sql: true,
    scenario: 'scenarios/quick.yaml',
    set: ['pipeline.commit_every=7s', 'traffic={pos: {}}', 'checks=[]'],
  });
  expect(sql).toContain("'execution.checkpointing.interval' = '7000 ms'");
  expect(sql).toContain('CREATE TEMPORARY TABLE pos_raw');
  expect(sql).not.toContain('wms_raw');
});
