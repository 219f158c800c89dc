import { expect, test } from 'vitest';
import { requiredFields, requiredIntegers } from '../../generators/damage.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { badMarker, canaryMark, goodMarker, type MarkerPosition } from './marker.ts';

const text = (value: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(value);

test.each(STREAMS)('a good marker of %s is a whole record of store 0', (stream) => {
  const place: MarkerPosition = { runId: 'r', round: 1, stream, part: 2, partitions: 4 };
  const record = JSON.parse(text(goodMarker(place, 1_234).value));
  const row = stream === 'inventory' ? record.after : record;
  for (const field of requiredFields(stream)) expect(row).toHaveProperty(field);
  for (const field of requiredIntegers(stream)) expect(row[field]).toSatisfy(Number.isInteger);
  expect(row).toMatchObject({ event_id: `marker-r-1-${stream}-2`, store_id: 0, due_ms: 1_234 });
});

test.each(STREAMS)('a bad marker of %s is no JSON, and its bytes name it', (stream) => {
  const place: MarkerPosition = { runId: 'r', round: 0, stream, part: 0, partitions: 4 };
  const payload = text(badMarker(place, 1_234).value);
  expect(() => JSON.parse(payload)).toThrow(SyntaxError);
  expect(payload).toContain(`"marker-r-0-${stream}-0-bad"`);
});

test('no two inventory markers share a key, so none supersedes another', () => {
  const keys = [0, 1, 2].flatMap((round) =>
    [0, 1, 2, 3].map((part) => {
      const place: MarkerPosition = { runId: 'r', round, stream: 'inventory', part, partitions: 4 };
      return goodMarker(place, 0).row?.sku;
    }),
  );
  expect(new Set(keys).size).toBe(12);
});

test('a canary is a reserved SKU of a real store', () => {
  const { id, value } = canaryMark({ store: 3, canary: 1 }, 9, 50);
  expect(id).toBe('canary-3-9000002-9');
  expect(JSON.parse(text(value)).after).toMatchObject({
    store_id: 3,
    sku_id: 9_000_002,
    version: 9,
  });
});
