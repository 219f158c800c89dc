import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WIRE, type WireType } from '../generators/wire-schema.ts';
import { STREAMS, type Stream } from '../scenario/scenario.ts';

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
