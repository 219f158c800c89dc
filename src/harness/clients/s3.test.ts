import { expect, test } from 'vitest';
import { encodedPath } from './s3.ts';

test('a path keeps its slashes, and everything that a URL would change is encoded', () => {
  expect(encodedPath("/warehouse/t/day=1/a b'c*.avro")).toBe(
    '/warehouse/t/day%3D1/a%20b%27c%2A.avro',
  );
});
