import { type Random, random } from '../../src/core/random.ts';
import { damagedBytes } from '../../src/generators/damage.ts';
import { WIRE } from '../../src/generators/wire-schema.ts';
import { MALFORMED_KINDS, type Stream } from '../../src/scenario/scenario.ts';
import { bytes, event, type Fields, image } from '../integration/support/wire.ts';

/** Values as JSON writes them, and as it must not: limits of the types, other notations, other types, no JSON at all. */
const VALUES = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1',
    '-1',
    '01',
    '1.0',
    '4.5',
    '4.50',
    '1e3',
    '1E400',
    '-0.0',
    '1e-7',
  ],
  ...['2147483647', '2147483648', '-2147483649', '9223372036854775807', '9223372036854775808'],
  ...[
    '100000000000000000000.5',
    'NaN',
    'tru',
    '""',
    '" 5 "',
    '"5"',
    '"+5"',
    '"4.5"',
    '"4."',
    '".5"',
  ],
  ...[
    '"1e3"',
    '"x"',
    '"yes"',
    '"T"',
    '"1"',
    '" true "',
    '"TRUE"',
    '"0x1"',
    '[]',
    '{}',
    '[1]',
    '{"a":1}',
  ],
  ...['"\\ud83d\\ude00"', '"\\ud800"', '"\\u0000"', '"\\u00a05"', '"\\x"'],
];
/** Further values of a list. */
const LISTS = ['[null]', '[1]', '[{}]', '[[]]', '[[{"sku_id":1}]]', '[{},{}]'];

function sound(stream: Stream, id: string): Fields {
  return stream === 'inventory'
    ? image({ store: 1, sku: 2, version: 3, onHand: 4 }, id)
    : event(stream, id, 1);
}

/** Records of one stream: sound ones, and those that a decoder may get wrong. `null` is a tombstone. */
export function oddRecords(stream: Stream, seed: number): readonly (Buffer | null)[] {
  const draw = random(seed, 'odd records', stream);
  return [
    null,
    bytes(sound(stream, 'sound')),
    ...framed(JSON.stringify(sound(stream, 'framed'))),
    ...withOddFields(stream),
    ...withOddLists(stream),
    ...MALFORMED_KINDS.flatMap((kind) =>
      Array.from({ length: 25 }, (_, i) =>
        Buffer.from(damagedBytes({ ...sound(stream, `damaged-${i}`) }, stream, kind)),
      ),
    ),
    ...Array.from({ length: 800 }, () => disturbed(bytes(sound(stream, 'disturbed')), draw)),
  ];
}

/** What is around the object, or in its place. */
function framed(text: string): readonly Buffer[] {
  const texts = ['', '{}', '[]', '5', 'null', '{', ` ${text}`, `\ufeff${text}`];
  const around = [`${text} junk`, `${text}}`, `${text}${text}`, `[${text}]`];
  return [...[...texts, ...around].map((one) => Buffer.from(one)), Buffer.from(text, 'utf16le')];
}

function withOddFields(stream: Stream): readonly Buffer[] {
  const { at, fields } = WIRE[stream];
  const names = fields.map(({ name }) => name);
  return [
    ...names.flatMap((name) => oddValues(stream, [name], VALUES)),
    ...(at === '$' ? [] : VALUES.map((value) => replaced(sound(stream, 'after'), 'after', value))),
  ];
}

function withOddLists(stream: Stream): readonly Buffer[] {
  return WIRE[stream].lists.flatMap(({ name: list, fields }) => [
    ...oddValues(stream, [list], [...VALUES, ...LISTS]),
    ...fields.flatMap(({ name }) => oddValues(stream, [list, '0', name], VALUES)),
  ]);
}

/** The record with each of these values at one place, without the place, and with it twice. */
function oddValues(stream: Stream, path: readonly string[], values: readonly string[]): Buffer[] {
  const name = path.at(-1) as string;
  const record = structuredClone(sound(stream, name)) as Record<string, unknown>;
  let holder = (WIRE[stream].at === '$' ? record : record.after) as Record<string, unknown>;
  for (const step of path.slice(0, -1)) holder = holder[step] as Record<string, unknown>;
  const texts = values.map((value) => replacedIn(record, holder, name, value));
  const twice = replacedIn(record, holder, name, `{"x":1},"${name}":7`);
  delete holder[name];
  return [...texts, twice, bytes(record)];
}

/** The record's text with `value`, as it stands, for the field of `holder`, an object in it. */
function replacedIn(record: Fields, holder: Record<string, unknown>, name: string, value: string) {
  const kept = holder[name];
  holder[name] = PLACE;
  const text = JSON.stringify(record);
  holder[name] = kept;
  return Buffer.from(text.replace(`"${PLACE}"`, () => value));
}
const PLACE = 'a value goes here';

function replaced(record: Fields, name: string, value: string): Buffer {
  const copy = { ...record };
  return replacedIn(copy, copy, name, value);
}

/** The same bytes with one to four of them changed, moved or repeated. */
function disturbed(record: Buffer, draw: Random): Buffer {
  const marks = Buffer.from('{}[]",:0123456789.-e \\');
  for (let left = 1 + draw.integer(4); left > 0; left--) {
    const at = draw.integer(record.length);
    const how = draw.integer(4);
    if (how === 0) record[at] = draw.integer(256);
    else if (how === 1) record[at] = record[draw.integer(record.length)] as number;
    else if (how === 2) record[at] = marks[draw.integer(marks.length)] as number;
    else record.copyWithin(at, draw.integer(record.length));
  }
  return record;
}
