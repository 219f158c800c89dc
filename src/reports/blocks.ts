/** Pictures from block characters: eighths of a cell upwards. */
const EIGHTHS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/**
 * Columns of a bar chart, top line first, from values between 0 and `top`. A value above 0 is never
 * drawn as nothing.
 */
export function columns(values: readonly number[], top: number, height: number): readonly string[] {
  const eighths = values.map((value) =>
    value <= 0 || top <= 0 ? 0 : Math.max(1, Math.round((Math.min(value, top) / top) * height * 8)),
  );
  return Array.from({ length: height }, (_, line) => {
    const below = (height - 1 - line) * 8;
    return eighths.map((n) => EIGHTHS[Math.max(0, Math.min(8, n - below))]).join('');
  });
}

/** A sparkline: `▁▂▅█`. */
export function sparkline(values: readonly number[]): string {
  return columns(
    values,
    values.reduce((a, b) => Math.max(a, b), 0),
    1,
  )[0] as string;
}

/** `values` in `width` buckets of equal length, each its largest value: a peak must not be averaged away. */
export function peaks(values: readonly number[], width: number): readonly number[] {
  if (values.length <= width) return values;
  return Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width);
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / width));
    return values.slice(from, to).reduce((a, b) => Math.max(a, b));
  });
}
