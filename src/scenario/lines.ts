import type { Place } from './problems.ts';

/** Where each line of a text begins. */
export function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) {
    starts.push(end + 1);
  }
  return starts;
}

/** The place of a range of characters, by the starts of the lines. */
export function placeIn(starts: readonly number[], from: number, to: number): Place {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] as number) <= from) low = middle;
    else high = middle - 1;
  }
  const column = from - (starts[low] as number) + 1;
  return { line: low + 1, column, length: Math.max(1, to - from) };
}
