import { escaped } from '../core/printable.ts';

/** A record, or what was computed from records, whose every text and name is escaped. */
export function escapedTexts<T>(value: T): T {
  return escapedValue(value) as T;
}

function escapedValue(value: unknown): unknown {
  if (typeof value === 'string') return escaped(value);
  if (Array.isArray(value)) return value.map(escapedValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [escaped(key), escapedValue(inner)]),
  );
}
