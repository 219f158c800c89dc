import { expect, test } from 'vitest';
import { decide, type Situation } from './policy.ts';

const NEVER = { everyMs: null, dataFiles: null, deleteFiles: null };
const policy = (change: object = {}) => ({
  trigger: { ...NEVER, everyMs: 10_000 },
  ...{ notDuring: [] as string[], waitsForQueries: false, ...change },
});
const now = (change: Partial<Situation> = {}): Situation => ({
  ...{ nowMs: 20_000, sinceMs: 10_000, phase: 'calm', queriesRunning: 0, files: [], ...change },
});

test('time makes it due when the interval has passed, and not before', () => {
  expect(decide(policy(), now())).toEqual({ kind: 'begin', trigger: 'time' });
  expect(decide(policy(), now({ nowMs: 19_999 }))).toEqual({ kind: 'not due' });
});

test('so do as many files as the policy says, of any table', () => {
  const files = [
    { data: 3, deletes: 9 },
    { data: 7, deletes: 0 },
  ];
  const by = (trigger: object) =>
    decide(policy({ trigger: { ...NEVER, ...trigger } }), now({ files }));
  expect(by({ dataFiles: 7 })).toEqual({ kind: 'begin', trigger: 'data files' });
  expect(by({ dataFiles: 8 })).toEqual({ kind: 'not due' });
  expect(by({ deleteFiles: 9 })).toEqual({ kind: 'begin', trigger: 'delete files' });
  expect(by({ deleteFiles: 10 })).toEqual({ kind: 'not due' });
  expect(by({})).toEqual({ kind: 'not due' });
});

test('what is due waits for the end of a phase, and for queries, and says for which', () => {
  const waiting = (obstacle: string) => ({ kind: 'wait', trigger: 'time', obstacle });
  const peak = policy({ notDuring: ['peak'], waitsForQueries: true });
  expect(decide(peak, now({ phase: 'peak', queriesRunning: 1 }))).toEqual(waiting('phase'));
  expect(decide(peak, now({ queriesRunning: 1 }))).toEqual(waiting('queries'));
  expect(decide(peak, now())).toEqual({ kind: 'begin', trigger: 'time' });
  expect(decide(policy(), now({ queriesRunning: 5 })).kind).toBe('begin');
  expect(decide(peak, now({ phase: 'peak', nowMs: 11_000 }))).toEqual({ kind: 'not due' });
});
