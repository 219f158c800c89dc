import type { Label, Stream } from '../scenario/scenario.ts';

/** The field that the new version adds, and what it says. */
export const ADDED_FIELD = 'channel';
const CHANNELS: Readonly<Record<Stream, string>> = {
  pos: 'till',
  wms: 'handheld',
  cart: 'web',
  loyalty: 'till',
  inventory: 'store',
};
/** Integers that a widened version sends as text (of inventory: in the row). */
export const WIDENED: Readonly<Record<Stream, readonly string[]>> = {
  pos: ['total_cents', 'tax_cents'],
  wms: ['quantity', 'units'],
  cart: ['value_cents'],
  loyalty: ['points'],
  inventory: ['on_hand', 'available'],
};

type Fields = Record<string, unknown>;

/** Whether the version of the store's software changes what a message with these labels is on the wire. */
export function changesWire(labels: readonly Label[]): boolean {
  return labels.includes('field_added') || labels.includes('type_widened');
}

/**
 * A message as its store's version of the software writes it: with `field_added`, one more field and
 * schema_version 2 (a row image says no version, but both its images have the column); with `type_widened`,
 * some integers as text. Without either label it is the message itself.
 */
export function inVersion(value: Fields, stream: Stream, labels: readonly Label[]): Fields {
  if (!changesWire(labels)) return value;
  const added = labels.includes('field_added');
  const widened = labels.includes('type_widened');
  const written = (fields: unknown): unknown => {
    if (fields === null) return null;
    const changed = { ...(fields as Fields) };
    if (added) changed[ADDED_FIELD] = CHANNELS[stream];
    if (widened) for (const name of WIDENED[stream]) changed[name] = String(changed[name]);
    return changed;
  };
  if (stream === 'inventory') {
    return { ...value, before: written(value.before), after: written(value.after) };
  }
  return written(added ? { ...value, schema_version: 2 } : value) as Fields;
}
