import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WIRE, type WireType } from '../generators/wire-schema.ts';
import { STREAMS, type Stream } from '../scenario/scenario.ts';
import { parseManifest } from './manifest.ts';
import { submissionsOf } from './submissions.ts';

/** docs/pipelines.md lists the columns of the generated views: it must say what is generated. */
const guide = readFileSync(new URL('../../docs/pipelines.md', import.meta.url), 'utf8');

function columnsOf(stream: Stream, need: 'required' | 'optional'): string {
  const { fields, lists } = WIRE[stream];
  const typed: (readonly [name: string, type: WireType | `${WireType}[]`])[] = [
    ...fields.flatMap((one) => (one.need === need ? [[one.name, one.type] as const] : [])),
    ...lists.flatMap((list) =>
      list.need !== need
        ? []
        : list.fields.flatMap(({ column, type }) =>
            column === null ? [] : [[column, `${type}[]` as const] as const],
          ),
    ),
  ];
  const types = [...new Set(typed.map(([, type]) => type))];
  return types
    .map((type) => {
      const names = typed.filter(([, one]) => one === type).map(([name]) => `\`${name}\``);
      return `${names.join(', ')} ${type}`;
    })
    .join('; ');
}

test('the guide lists the columns of every accepted view', () => {
  const rows = STREAMS.map(
    (stream) =>
      `| ${stream} | ${columnsOf(stream, 'required')} | ${columnsOf(stream, 'optional')} |`,
  );
  const table = ['| stream | required | optional |', '| --- | --- | --- |', ...rows].join('\n');
  const listed = guide.split('<!-- generated: accepted -->\n')[1]?.split('\n<!-- end -->')[0];
  expect(listed).toBe(table);
});

/** The code blocks of one language, in order. */
function blocks(language: string): readonly string[] {
  return [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, text]) => text as string,
  );
}

test('the job of the guide is one, and so is the source that replaces a generated one', () => {
  const [job = '', source = ''] = blocks('sql');
  const sources = (text: string) =>
    submissionsOf(
      { jobs: { path: 'jobs.sql', text }, tables: { text: '' }, deadLetter: 'dead_letter' },
      'function',
    )
      .slice(3)
      .map((one) => one.source.replace(' (generated)', ''));
  expect(sources(job)).toEqual([
    ...['jobs.sql:1', 'jobs.sql:2'],
    ...['loyalty_raw', 'read_record', 'loyalty_fields', 'loyalty_judged', 'loyalty_accepted'],
    'jobs.sql:3',
  ]);
  const reader = "SET 'pipeline.name' = 'pos';\nINSERT INTO t SELECT event_id FROM pos_accepted;";
  expect(sources(`${source}${reader}`).filter((one) => /^pos/.test(one))).toEqual([
    ...['pos_fields', 'pos_judged', 'pos_accepted'],
  ]);
});

test('the pipeline.yaml of the guide is one', () => {
  const [yaml = ''] = blocks('yaml');
  expect(parseManifest(yaml, 'mine/pipeline.yaml').datasets.map(({ name }) => name)).toEqual([
    'loyalty',
    'dead_letter',
  ]);
});
