import { describe, expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, tapeUntil } from '../../test/support/retail.ts';
import { STREAMS, type Stream } from '../scenario/scenario.ts';
import { encode } from './encode.ts';
import type { TapeEvent } from './event.ts';
import { WIDENED } from './schema-version.ts';
import { WIRE, type WireType } from './wire-schema.ts';

/** The wire schema against what `encode` writes: neither may have a field that the other has not. */

type Json = Record<string, unknown>;

const events = tapeUntil(
  scenarioOf(
    ...EVERYTHING,
    'traffic.pos={receipts: 900/store/h, returns: 10%, training: 5%}',
    'traffic.wms={delist: 20%}',
    'traffic.faults.schema_drift={at: 5s, over: 10s, added: 60%, widened: 25%}',
  ),
  40_000,
).filter(({ truth }) => truth.fault?.kind !== 'malformed');

const INT32 = 2 ** 31;
const IS: Readonly<Record<WireType, (value: unknown) => boolean>> = {
  STRING: (value) => typeof value === 'string',
  INT: (value) => Number.isInteger(value) && Math.abs(value as number) < INT32,
  BIGINT: Number.isSafeInteger,
  BOOLEAN: (value) => typeof value === 'boolean',
};

function wire(event: TapeEvent): Json {
  return JSON.parse(new TextDecoder().decode(encode(event, 1_795_770_000_000))) as Json;
}

function recordsOf(stream: Stream): { readonly value: Json; readonly widened: boolean }[] {
  return events
    .filter((event) => event.stream === stream)
    .map((event) => ({
      value: wire(event),
      widened: event.truth.labels.includes('type_widened'),
    }));
}

/** Field names that occur, in any record. */
function namesIn(records: readonly Json[]): readonly string[] {
  return [...new Set(records.flatMap(Object.keys))].sort();
}

describe.each(STREAMS)('%s', (stream) => {
  const { at, envelope, fields, lists } = WIRE[stream];
  const records = recordsOf(stream);
  const rowOf = (value: Json) => (at === '$.after' ? value.after : value) as Json;
  const rows = records.map(({ value }) => rowOf(value));

  test('the encoder writes the fields of the schema, and no others', () => {
    expect(rows.length).toBeGreaterThan(20);
    const named = [...fields, ...lists].map(({ name }) => name);
    expect(namesIn(rows)).toEqual([...new Set(named)].sort());
    expect(named).toHaveLength(new Set(named).size);
    if (at === '$.after') {
      expect(namesIn(records.map(({ value }) => value))).toEqual(envelope.toSorted());
    } else expect(envelope).toEqual([]);
  });

  test.each(fields)('$name is $type and $need', ({ name, type, need }) => {
    for (const { value, widened } of records) {
      const found = rowOf(value)[name];
      const absent = found === undefined || found === null;
      if (absent) expect(need, JSON.stringify(value)).not.toBe('required');
      else if (widened && WIDENED[stream].includes(name))
        expect(IS[type](Number(found))).toBe(true);
      else expect(found).toSatisfy(IS[type]);
    }
  });

  if (lists.length === 0) return;
  test.each(lists)(
    'each of $name has the fields of the schema, typed',
    ({ name, need, fields }) => {
      const found = rows.map((row) => row[name] as readonly Json[] | undefined);
      if (need === 'required') expect(found.every(Array.isArray)).toBe(true);
      const items = found.flatMap((list) => list ?? []);
      expect(items.length).toBeGreaterThan(20);
      expect(namesIn(items)).toEqual(fields.map((field) => field.name).sort());
      for (const item of items) {
        for (const field of fields) expect(item[field.name]).toSatisfy(IS[field.type]);
      }
    },
  );
});

test('what a newer version widens is a number of the schema', () => {
  for (const stream of STREAMS) {
    for (const name of WIDENED[stream]) {
      const field = WIRE[stream].fields.find((one) => one.name === name);
      expect(field?.type, `${stream}.${name}`).toMatch(/^(INT|BIGINT)$/);
    }
  }
});
