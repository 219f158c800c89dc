import { describe, expect, test } from 'vitest';
import { EVERYTHING, scenarioOf, tapeUntil } from '../../test/support/retail.ts';
import { encode } from '../generators/encode.ts';
import type { TapeEvent } from '../generators/event.ts';
import { WIRE } from '../generators/wire-schema.ts';
import { MALFORMED_KINDS, STREAMS } from '../scenario/scenario.ts';
import { deadLetterInsert, decodeSql } from './decode-sql.ts';

/** The reasons of a stream, in the order in which they are judged. */
function reasonsOf(sql: string): readonly string[] {
  return [...sql.matchAll(/'((?:wrong_type|missing_key):[^']+)'/g)].map(
    ([, reason]) => `${reason}`,
  );
}

describe.each(STREAMS)('%s, field by field in SQL', (stream) => {
  const schema = WIRE[stream];
  const fields = decodeSql(stream, 'fields', 'sql');
  const judged = decodeSql(stream, 'judged', 'sql');
  const accepted = decodeSql(stream, 'accepted', 'sql');

  test('takes out each field that is read once, from its place, and no other', () => {
    const paths = [...fields.matchAll(/JSON_(?:VALUE|QUERY)\(j, '([^']+)'/g)].map(([, at]) => at);
    const expected = [
      ...schema.fields.filter(({ need }) => need !== 'unread').map(({ name }) => name),
      ...schema.lists.flatMap(({ name, fields: inner }) => [
        name,
        ...inner.filter(({ column }) => column !== null).map((one) => `${name}[*].${one.name}`),
      ]),
    ].map((path) => `${schema.at}.${path}`);
    expect(paths).toEqual(expected);
  });

  test('judges in the order of the schema: wrong type before missing, fields before lists', () => {
    const reasons = reasonsOf(judged);
    const at = reasons.map((reason) => {
      const name = reason.split(':')[1]?.split('[')[0];
      return [...schema.fields, ...schema.lists].findIndex((one) => one.name === name);
    });
    expect(at).not.toContain(-1);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    for (const { name, need, type } of schema.fields) {
      expect(reasons.includes(`missing_key:${name}`), name).toBe(need === 'required');
      const typed = need === 'required' || (need === 'optional' && type !== 'STRING');
      expect(reasons.includes(`wrong_type:${name}`), name).toBe(typed);
    }
  });

  test('an accepted row has every field that is read, the stamps of the job, and no NULL in a required one', () => {
    for (const { name, need } of schema.fields) {
      expect(new RegExp(`\\b${name}\\b`).test(accepted), name).toBe(need !== 'unread');
      if (need === 'required') expect(accepted).toMatch(new RegExp(`COALESCE\\(.*\\) AS ${name},`));
    }
    expect(accepted).toContain('kafka_ms, flink_ms, part, kafka_offset, pt\n');
  });

  test('its dead letters are the records that have a reason', () => {
    expect(deadLetterInsert(stream, 'refused')).toBe(
      `INSERT INTO ice.\${namespace}.refused
SELECT '${stream}', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM ${stream}_judged WHERE rejection IS NOT NULL`,
    );
  });
});

describe.each(STREAMS)('%s, by the function', (stream) => {
  const schema = WIRE[stream];
  const call = /read_record\(payload, '([^']+)', '([^']+)'\) AS decoded/.exec(
    decodeSql(stream, 'fields', 'function'),
  );
  const columns = `${call?.[2]}`.split(',').map((one) => one.trim());

  test('it gets the columns that are read, in the order of the schema, and which of them are required', () => {
    expect(call?.[1]).toBe(schema.at);
    const suffix = (need: string) => (need === 'required' ? ' NOT NULL' : '');
    expect(columns).toEqual([
      ...schema.fields
        .filter(({ need }) => need !== 'unread')
        .map(({ name, type, need }) => `${name} ${type}${suffix(need)}`),
      ...schema.lists.flatMap(({ name: list, need, fields }) =>
        fields
          .filter(({ column }) => column !== null)
          .map(
            ({ name, type, column }) => `${list}[*].${name} ${type}${suffix(need)} AS ${column}`,
          ),
      ),
    ]);
  });

  test('the judged view has all of its result, and every column that the one in SQL is read by', () => {
    const judged = decodeSql(stream, 'judged', 'function');
    for (const column of columns) {
      const name = column.split(' AS ')[1] ?? column.split(' ')[0];
      expect(judged).toContain(`decoded.${name} AS ${name},`);
    }
    expect(judged).toContain('decoded.rejection AS rejection,');
    for (const one of ['payload, part, kafka_offset, kafka_ts, pt', 'AS j, row_ts']) {
      expect(judged).toContain(one);
    }
    expect(judged).toMatch(/AS kafka_ms,\n.*AS flink_ms\nFROM/);
  });

  test('the source, the accepted view and the dead letters are those of SQL', () => {
    for (const part of ['raw', 'accepted'] as const) {
      expect(decodeSql(stream, part, 'function')).toBe(decodeSql(stream, part, 'sql'));
    }
  });
});

describe('what the generators damage', () => {
  const damaged = tapeUntil(
    scenarioOf(
      ...EVERYTHING,
      'traffic.pos={receipts: 2400/store/h}',
      'traffic.faults.malformed={rate: 30%}',
    ),
    60_000,
  ).filter(({ truth }) => truth.fault?.kind === 'malformed');
  const T0 = 1_795_770_000_000;
  const text = (event: TapeEvent) => new TextDecoder().decode(encode(event, T0));

  test.each(STREAMS)('%s: every damaged field has its reason in the generated SQL', (stream) => {
    const reasons = reasonsOf(decodeSql(stream, 'judged', 'sql'));
    const seen = new Map<string, Set<string>>();
    for (const event of damaged.filter((one) => one.stream === stream)) {
      const { fault } = event.truth;
      if (fault?.kind !== 'malformed') continue;
      seen.set(fault.how, (seen.get(fault.how) ?? new Set()).add(''));
      if (fault.how !== 'wrong_type' && fault.how !== 'missing_key') continue;
      const rowOf = (one: TapeEvent) => {
        const value = JSON.parse(text(one)) as Record<string, unknown>;
        return (WIRE[stream].at === '$.after' ? value.after : value) as Record<string, unknown>;
      };
      const sound = rowOf({ ...event, truth: { ...event.truth, fault: null } });
      const broken = rowOf(event);
      const names = Object.keys(sound).filter(
        (name) => JSON.stringify(sound[name]) !== JSON.stringify(broken[name]),
      );
      expect(names).toHaveLength(1);
      expect(reasons).toContain(`${fault.how}:${names[0]}`);
      seen.get(fault.how)?.add(names[0] as string);
    }
    expect([...seen.keys()].sort()).toEqual([...MALFORMED_KINDS].sort());
    // More than one field of it each: the draw is not stuck.
    expect(seen.get('missing_key')?.size).toBeGreaterThan(3);
  });
});
