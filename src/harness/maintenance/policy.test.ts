import { expect, test } from 'vitest';
import { decide, type Situation } from './policy.ts';

const NEVER = {
  ...{ everyMs: null, dataFiles: null, deleteFiles: null, amoro: null, autocomp: null },
};
const MIB = 2 ** 20;
const table = (data: number, deletes: number) => {
  return { data, deletes, equalityDeletes: deletes, dataBytes: Array<number>(data).fill(MIB) };
};
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
  const files = [table(3, 9), table(7, 0)];
  const by = (trigger: object) =>
    decide(policy({ trigger: { ...NEVER, ...trigger } }), now({ files }));
  expect(by({ dataFiles: 7 })).toEqual({ kind: 'begin', trigger: 'data files' });
  expect(by({ dataFiles: 8 })).toEqual({ kind: 'not due' });
  expect(by({ deleteFiles: 9 })).toEqual({ kind: 'begin', trigger: 'delete files' });
  expect(by({ deleteFiles: 10 })).toEqual({ kind: 'not due' });
  expect(by({})).toEqual({ kind: 'not due' });
});

test('the rules of Amoro and AutoComp decide by the files of one table, and by the time since the last start', () => {
  const files = [table(3, 9), table(7, 0)];
  const by = (trigger: object, change: Partial<Situation> = {}) =>
    decide(policy({ trigger: { ...NEVER, ...trigger } }), now({ files, ...change }));
  const amoro = { targetBytes: 128 * MIB, minorFiles: 12, minorIntervalMs: 3_600_000 };
  expect(by({ amoro })).toEqual({ kind: 'begin', trigger: 'amoro minor' });
  expect(by({ amoro: { ...amoro, minorFiles: 13 } })).toEqual({ kind: 'not due' });
  const soon = { ...amoro, minorFiles: 13, minorIntervalMs: 9_999 };
  expect(by({ amoro: soon })).toEqual({ kind: 'begin', trigger: 'amoro minor' });
  expect(by({ amoro: soon }, { sinceMs: 10_001 })).toEqual({ kind: 'not due' });
  const large = { ...amoro, targetBytes: 7 * MIB, minorFiles: 99 };
  expect(by({ amoro: large })).toEqual({ kind: 'begin', trigger: 'amoro major' });
  // Seven small files into one: 6 files fewer for a little more than 0.5 GB·h.
  const autocomp = (score: number) => ({ autocomp: { targetBytes: 502 * MIB, score } });
  expect(by(autocomp(11))).toEqual({ kind: 'begin', trigger: 'autocomp' });
  expect(by(autocomp(12))).toEqual({ kind: 'not due' });
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
