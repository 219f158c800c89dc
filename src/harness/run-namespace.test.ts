import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isolatedNamespace, markOf, runIdOf, startOfMark, topicOf } from './run-namespace.ts';

const FOLDER = '20261127T090001Z-black-friday-1a2b';
const place = isolatedNamespace(
  { namespace: 'retail' },
  { prefix: 'nightly', runId: runIdOf(FOLDER) },
);

test('every name of a run leads to the run and to its start', () => {
  const mark = 'nightly_20261127t090001z_1a2b_';
  for (const name of [topicOf(place, 'pos'), place.namespace, `${mark}doorbuster-pos`, mark]) {
    expect(markOf(name, 'nightly', [])).toBe(mark);
  }
  expect(startOfMark(mark, 'nightly')).toBe(Date.UTC(2026, 10, 27, 9, 0, 1));
});

test('a load is found by its id alone, and has no time in its names', () => {
  expect(markOf('nightly_friday_pos', 'nightly', [])).toBeNull();
  expect(markOf('nightly_friday_pos', 'nightly', ['friday'])).toBe('nightly_friday_');
  expect(markOf('nightly_fridays_pos', 'nightly', ['friday'])).toBeNull();
  expect(startOfMark('nightly_friday_', 'nightly')).toBeNull();
});

test.each([
  'nightly_orders',
  'nightly',
  'nightly_20261127t090001z_1a2b',
  'nightly_20261127t090001z_wxyz_pos',
  'nightly_2026_1a2b_pos',
  'nightly_x_20261127t090001z_1a2b_pos',
  'nightlyx_20261127t090001z_1a2b_pos',
  'x_nightly_20261127t090001z_1a2b_pos',
])('%s is no name of a run', (name) => {
  expect(markOf(name, 'nightly', [])).toBeNull();
});

test('another prefix has no name of this one, whichever of them begins with the other', () => {
  const prefix = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
  fc.assert(
    fc.property(prefix, prefix, (own, other) => {
      fc.pre(own !== other);
      const { namespace } = isolatedNamespace(
        { namespace: 'retail' },
        { prefix: other, runId: runIdOf(FOLDER) },
      );
      expect(markOf(namespace, own, [])).toBeNull();
      expect(markOf(namespace, other, [])).toBe(`${other}_20261127t090001z_1a2b_`);
    }),
  );
});
