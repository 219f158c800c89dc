import type { Stream } from '../scenario/scenario.ts';
import { WIRE, type WireType } from './wire-schema.ts';

/** A record of the wire, by the names of its fields; or why it is refused, the first thing that is wrong. */
type Decoded =
  | {
      readonly fields: Readonly<Record<string, string | number | boolean | null>>;
      /** Operation of a change in its envelope, such as `u`, or `r` for a row of a snapshot; null: it has none. */
      readonly op: string | null;
    }
  | { readonly rejection: string };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the value of a record as the wire schema has it: what a reader needs, typed, and no list. The reasons of a refusal are
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
  const read: Record<string, string | number | boolean | null> = {};
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
  for (const { name, need } of lists) {
    if (need === 'required' && !Array.isArray(record[name])) return wrongOrMissing(record, name);
  }
  return { fields: read, op: typeof value.op === 'string' ? value.op : null };
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongOrMissing(record: Json, name: string): Decoded {
  return { rejection: `${name in record ? 'wrong_type' : 'missing_key'}:${name}` };
}

/** A value of the type; null where it is none. */
const TYPED: Readonly<Record<WireType, (value: unknown) => string | number | boolean | null>> = {
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
