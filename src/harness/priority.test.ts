import { expect, test } from 'vitest';
import { priorityFinding } from './doctor/machine.ts';
import { effectiveNiceness, ownNiceness } from './priority.ts';

test.each([
  ['/autogroup-75 nice 10\n', '1\n', 0, { of: 'session', nice: 10 }],
  ['/autogroup-75 nice 0\n', '1\n', 5, { of: 'session', nice: 0 }],
  ['/autogroup-75 nice -3\n', '1\n', 0, { of: 'session', nice: -3 }],
  // Switched off, the kernel keeps the file and does not heed it.
  ['/autogroup-75 nice 10\n', '0\n', 5, { of: 'process', nice: 5 }],
  ['/autogroup-75 nice 10\n', undefined, 0, { of: 'process', nice: 0 }],
  [undefined, undefined, 10, { of: 'process', nice: 10 }],
  ['', '1', 1, { of: 'process', nice: 1 }],
] as const)(
  'of %j, with the switch at %j and nice %d, %j counts',
  (autogroup, enabled, nice, own) => {
    expect(effectiveNiceness(autogroup, enabled, nice)).toEqual(own);
  },
);

test('who yields is warned, with what to type', () => {
  expect(priorityFinding({ of: 'session', nice: 0 }).state).toBe('ok');
  expect(priorityFinding({ of: 'session', nice: 10 })).toMatchObject({
    state: 'warn',
    fact: expect.stringContaining('nice 10'),
    fix: expect.stringContaining('setsid --wait'),
  });
  expect(priorityFinding({ of: 'process', nice: 5 })).toMatchObject({
    state: 'warn',
    fix: expect.stringContaining('renice -n 0'),
  });
});

test('this process has a niceness of either kind', () => {
  const { of, nice } = ownNiceness();
  expect(['session', 'process']).toContain(of);
  expect(Number.isInteger(nice)).toBe(true);
});
