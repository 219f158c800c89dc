import type { Stream } from '../scenario/scenario.ts';
import { WIRE, type WireList, type WireType } from './wire-schema.ts';

/** A record of the wire, by the names of its fields; or why it is refused, the first thing that is wrong. */
type Decoded =
  | {
      readonly fields: Readonly<Record<string, Scalar>>;
      /** The lists, one array per column; null where an optional list is absent. */
      readonly lists: Readonly<Record<string, readonly Scalar[] | null>>;
      /** Operation of a change in its envelope, such as `u`, or `r` for a row of a snapshot; null: it has none. */
      readonly op: string | null;
    }
  | { readonly rejection: string };

type Scalar = string | number | boolean | null;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the value of a record as the wire schema has it: what a reader needs, typed. The reasons of a refusal are
 * those of the generated SQL (src/topology/decode-sql.ts). `payload` null: a tombstone.
 */
export function decode(stream: Stream, payload: Uint8Array | null): Decoded {
  if (payload === null) return { rejection: 'tombstone' };
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(payload));
  } catch (error) {
    return { rejection: error instanceof SyntaxError ? 'not_json' : 'bad_utf8' };
  }
  if (!isObject(value)) return { rejection: 'not_json' };
  const { at, fields, lists } = WIRE[stream];
  const record = at === '$' ? value : isObject(value.after) ? value.after : {};
  const read: Record<string, Scalar> = {};
  for (const { name, type, need, absent } of fields) {
    if (need === 'unread') continue;
    const given = record[name] ?? null;
    const typed = given === null ? null : TYPED[type](given);
    if (typed === null && need === 'required') return wrongOrMissing(record, name);
    if (typed === null && given !== null && type !== 'STRING') {
      return { rejection: `wrong_type:${name}` };
    }
    read[name] = typed ?? (absent === 'FALSE' ? false : null);
  }
  const columns: Record<string, readonly Scalar[] | null> = {};
  for (const list of lists) {
    const given = record[list.name];
    if (list.need === 'required' && !Array.isArray(given)) {
      return wrongOrMissing(record, list.name);
    }
    // What is there and no list has no elements, as for JSON_QUERY.
    const elements = given === undefined ? null : Array.isArray(given) ? given : [];
    const rejection = readList(list, elements, columns);
    if (rejection !== null) return { rejection };
  }
  return { fields: read, lists: columns, op: typeof value.op === 'string' ? value.op : null };
}

/** Takes the columns out of a list; returns the first thing that is wrong with an element. */
function readList(
  { name: list, fields }: WireList,
  elements: readonly unknown[] | null,
  columns: Record<string, readonly Scalar[] | null>,
): string | null {
  for (const { name, type, column } of fields) {
    if (column === null) continue;
    const holders = elements?.filter((one): one is Json => isObject(one) && name in one) ?? [];
    const values = holders.map((one) => TYPED[type](one[name] ?? null));
    if (values.some((typed, i) => typed === null && (holders[i]?.[name] ?? null) !== null)) {
      return `wrong_type:${list}[*].${name}`;
    }
    if (holders.length < (elements?.length ?? 0)) return `missing_key:${list}[*].${name}`;
    columns[column] = elements === null ? null : values;
  }
  return null;
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongOrMissing(record: Json, name: string): Decoded {
  return { rejection: `${name in record ? 'wrong_type' : 'missing_key'}:${name}` };
}

/** A value of the type; null where it is none. */
const TYPED: Readonly<Record<WireType, (value: unknown) => Scalar>> = {
  STRING: (value) => (typeof value === 'object' ? null : String(value)),
  INT: integer,
  BIGINT: integer,
  BOOLEAN: (value) => (typeof value === 'boolean' ? value : null),
};

function integer(value: unknown): number | null {
  if (typeof value === 'string' && !/^-?\d+$/.test(value)) return null;
  const number = typeof value === 'string' ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : null;
}
