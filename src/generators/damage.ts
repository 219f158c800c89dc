import { hash32 } from '../core/random.ts';
import type { MalformedKind, Stream } from '../scenario/scenario.ts';
import { WIRE, type WireType } from './wire-schema.ts';

/**
 * Damage that a check over the raw bytes can always find. Each kind breaks something that the wire
 * format requires, so a damaged record is never by accident still a good one:
 *
 * - `truncated`: a strict prefix of a JSON object is no JSON
 * - `wrong_type`: a required integer is an object or a word
 * - `missing_key`: a required field is not there
 * - `bad_utf8`: the byte 0xFF, which no UTF-8 text holds, in the event id
 */

/** The integers without which a record of the stream is malformed (of inventory: in `after`). */
export function requiredIntegers(stream: Stream): readonly string[] {
  return requiredNames(stream, (type) => type !== 'STRING');
}

/**
 * Every field without which a record of the stream is malformed (of inventory: in `after`): its id, its integers,
 * its texts. Damage is drawn by place in this list, so that its order is part of what a seed gives.
 */
export function requiredFields(stream: Stream): readonly string[] {
  const texts = requiredNames(stream, (type) => type === 'STRING');
  return ['event_id', ...requiredIntegers(stream), ...texts.filter((name) => name !== 'event_id')];
}

function requiredNames(stream: Stream, is: (type: WireType) => boolean): readonly string[] {
  return WIRE[stream].fields.flatMap(({ name, type, need }) =>
    need === 'required' && is(type) ? [name] : [],
  );
}

const encoder = new TextEncoder();

type Json = Record<string, unknown>;

const NOT_A_UTF8_BYTE = 0xff;

/** The bytes of `value` with this kind of damage; the same event is always damaged in the same place. */
export function damagedBytes(value: Json, stream: Stream, how: MalformedKind): Uint8Array {
  const fields = (stream === 'inventory' ? value.after : value) as Json;
  const id = fields.event_id as string;
  const at = (size: number, what = 'place') =>
    hash32(fields.due_ms as number, id, how, what) % size;
  switch (how) {
    case 'truncated': {
      const bytes = encoder.encode(JSON.stringify(value));
      return bytes.slice(0, 1 + at(bytes.length - 1));
    }
    case 'wrong_type': {
      const names = requiredIntegers(stream);
      const name = names[at(names.length)] as string;
      const wrong = at(2, 'value') === 0 ? { value: fields[name] } : 'n/a';
      return encoder.encode(JSON.stringify(replaced(value, stream, { ...fields, [name]: wrong })));
    }
    case 'missing_key': {
      const names = requiredFields(stream);
      const { [names[at(names.length)] as string]: _, ...rest } = fields;
      return encoder.encode(JSON.stringify(replaced(value, stream, rest)));
    }
    case 'bad_utf8': {
      const text = JSON.stringify(value);
      const bytes = encoder.encode(text);
      // All of the wire is ASCII, so that a place in the text is a place in the bytes.
      const start = text.indexOf('"event_id":"') + '"event_id":"'.length;
      bytes[start + at(id.length)] = NOT_A_UTF8_BYTE;
      return bytes;
    }
  }
}

function replaced(value: Json, stream: Stream, fields: Json): Json {
  return stream === 'inventory' ? { ...value, after: fields } : fields;
}
