import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { power } from './power.ts';
import { random } from './random.ts';

test('power is x to the y, to 13 digits', () => {
  const own = random(1, 'power');
  for (let i = 0; i < 10_000; i++) {
    const [x, y] = [own.next() * 10_000 + 1e-6, own.next() * 8 - 4];
    expect(Math.abs(power(x, y) / x ** y - 1)).toBeLessThan(1e-13);
  }
  expect(power(7, 0)).toBe(1);
});

/**
 * Equal on Node 18, 20, 22 and 24. A version of Node on which one of them fails makes another tape of the same
 * seed.
 */
test.each([
  ['power', (x: number) => power(3 + x * 10_000, -0.74), 'c6fcd616198a6201'],
  ['exp', (x: number) => Math.exp((x - 0.5) * 20), 'b623617439d02635'],
  ['log', Math.log, '87798312fe565709'],
  ['cos', (x: number) => Math.cos(2 * Math.PI * x), '0d9545317ded8fe0'],
] as const)('%s has the same bits on every version of Node', (_name, of, bits) => {
  const own = random(1, 'bits');
  const values = Float64Array.from({ length: 100_000 }, () => of(1 - own.next()));
  expect(createHash('sha256').update(values).digest('hex').slice(0, 16)).toBe(bits);
});
