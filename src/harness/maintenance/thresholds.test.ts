import { describe, expect, test } from 'vitest';
import { amoroKind, autoCompScore } from './thresholds.ts';

const MIB = 2 ** 20;
const files = (n: number, mib: number) => Array<number>(n).fill(mib * MIB);

describe("Amoro's rule", () => {
  const rule = { targetBytes: 128 * MIB, minorFiles: 12, minorIntervalMs: 3_600_000 };
  const kind = (dataBytes: readonly number[], equalityDeletes = 0, sinceLastMs = 0) =>
    amoroKind({ dataBytes, equalityDeletes }, rule, sinceLastMs);

  test('is minor at twelve fragments and equality deletes together, and a file of 16 MiB is a fragment', () => {
    expect(kind(files(12, 16))).toBe('minor');
    expect(kind(files(11, 16))).toBeNull();
    expect(kind(files(7, 1), 5)).toBe('minor');
    expect(kind([...files(11, 16), 16 * MIB + 1])).toBeNull();
  });

  test('is minor at two when an hour has passed, and never for one alone', () => {
    expect(kind(files(1, 1), 1, 3_600_001)).toBe('minor');
    expect(kind(files(1, 1), 1, 3_600_000)).toBeNull();
    expect(kind(files(1, 1), 0, 9e9)).toBeNull();
  });

  test('is major when undersized files fill a whole one, and two of them fit into one', () => {
    expect(kind(files(4, 32))).toBe('major');
    expect(kind(files(3, 32))).toBeNull();
    // Two of 70 MiB fill a target, and do not fit into one.
    expect(kind(files(2, 70))).toBeNull();
    // Above three quarters of the target a file is finished.
    expect(kind(files(9, 97))).toBeNull();
    expect(kind([...files(12, 1), ...files(4, 32)])).toBe('major');
  });

  test('of a table without files is nothing', () => {
    expect(kind([], 0, 9e9)).toBeNull();
  });
});

describe("AutoComp's score", () => {
  const score = (dataBytes: readonly number[], mib = 502) =>
    autoCompScore({ dataBytes }, { targetBytes: mib * MIB });

  test('is the number of files saved over the GB·h of the rewrite', () => {
    // 100 files of 72 MiB are 7,200 MiB: one hour at 2 MiB/s, 2 GB·h and the start; 15 files of 502 MiB remain.
    expect(score(files(100, 72))).toBeCloseTo((100 - 15) / 2.5, 9);
    // Next to nothing to rewrite: the start is what it costs.
    expect(score(files(11, 0))).toBe(22);
  });

  test('counts no file of three quarters of the target or more', () => {
    expect(score([...files(2, 1), ...files(50, 400)])).toBeCloseTo(score(files(2, 1)), 9);
    expect(score(files(2, 75), 100)).toBe(0);
  });

  test('is 0 when a rewrite would leave as many files', () => {
    expect(score([])).toBe(0);
    expect(score(files(1, 1))).toBe(0);
    expect(score(files(2, 70), 100)).toBe(0);
  });

  test('falls as the files grow, at the same number of them', () => {
    expect(score(files(50, 10))).toBeGreaterThan(score(files(50, 100)));
  });
});
