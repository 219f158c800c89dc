/**
 * Formats numbers for headlines, plans and reports: with their unit, three significant figures, and never more precision
 * than was measured.
 */

/** A duration with its unit: `12 ms`, `3.65 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  const size = Math.abs(ms);
  if (size < 0.05) return '0 ms';
  if (size < 10) return `${ms.toFixed(1)} ms`;
  if (size < 999.5) return `${ms.toFixed(0)} ms`;
  if (size < 9_995) return `${(ms / 1000).toFixed(2)} s`;
  if (size < 119_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(size / 1000);
  return `${ms < 0 ? '-' : ''}${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A measured number: undefined is "no data", null is +∞. */
export type Maybe = number | null | undefined;

/**
 * A latency that may be +∞, which is shown as at least `atLeastMs`, the time for which it was watched, or as `never` if
 * that is unknown.
 */
export function latency(ms: Maybe, atLeastMs: number): string {
  if (ms === undefined) return 'no data';
  if (ms !== null) return duration(ms);
  return atLeastMs > 0 ? `≥ ${duration(atLeastMs)}` : 'never';
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A whole number with thousands separators. */
export function count(value: number): string {
  return grouped.format(value);
}

/** Bytes in binary units. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 99.95 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}
