import { escaped } from '../core/printable.ts';
import type { RunRecord } from '../record/record.ts';

/** A record whose every text and name is escaped. */
export function escapedRecord(record: RunRecord): RunRecord {
  return escapedValue(record) as RunRecord;
}

function escapedValue(value: unknown): unknown {
  if (typeof value === 'string') return escaped(value);
  if (Array.isArray(value)) return value.map(escapedValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [escaped(key), escapedValue(inner)]),
  );
}
