import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { canMount, smallDisk } from '../../../test/support/small-disk.ts';
import { stackBroke } from '../../core/errors.ts';
import { packageRoot } from '../entry.ts';
import type { Estimate } from '../experiment/estimate.ts';
import {
  diskSpaceProblem,
  foldersOf,
  type RunFolder,
  requireDiskSpace,
  withFullDisk,
} from './disk-space.ts';

const MIB = 2 ** 20;
const needs = { dataBytes: 200 * MIB, factsBytes: 100 * MIB, keptBytes: 20 * MIB };
const place = (dir: string, freeMib: number, device: number): RunFolder => ({
  ...{ dir, freeBytes: freeMib * MIB, device },
});
const problem = (work: RunFolder, results: RunFolder, data: RunFolder | null = work) =>
  diskSpaceProblem(needs, { data, work, results }, 'doorbuster run x.yaml');

test('two file systems are each held against what they get', () => {
  expect(problem(place('/tmp', 300, 1), place('results', 20, 2))).toBeNull();
  expect(problem(place('/tmp', 299, 1), place('results', 20, 2))).toEqual({
    message:
      'not enough disk space in /tmp: the run needs about 300 MiB there while it goes on, and 299 MiB are free',
    hint: 'TMPDIR=/a/larger/folder doorbuster run x.yaml',
  });
  expect(problem(place('/tmp', 300, 1), place('results', 19, 2))).toEqual({
    message:
      'not enough disk space in results: the run needs about 20.0 MiB there for good, and 19.0 MiB are free',
    hint: 'doorbuster run x.yaml --results /a/larger/folder',
  });
});

test('what is free on one file system is not counted twice', () => {
  expect(problem(place('/tmp', 320, 1), place('results', 320, 1))).toBeNull();
  expect(problem(place('/tmp', 319, 1), place('results', 319, 1))?.message).toBe(
    'not enough disk space in /tmp: the run needs about 320 MiB there, with what stays in results, and 319 MiB are free',
  );
});

test('where servers are in containers, their data is held against the room of the engine', () => {
  const [work, results] = [place('/tmp', 100, 1), place('results', 20, 2)];
  expect(problem(work, results, place('/engine', 200, 3))).toBeNull();
  expect(problem(work, results, place('/engine', 199, 3))).toEqual({
    message:
      'not enough disk space in /engine: the run needs about 200 MiB there while it goes on, and 199 MiB are free',
    hint: 'docker system df   # then docker system prune',
  });
  expect(problem(work, results, place('/engine', 299, 1))?.message).toMatch(
    '300 MiB there, with what goes to /tmp, and 299 MiB are free',
  );
  // Out of sight: only what is written here is known.
  expect(problem(work, results, null)).toBeNull();
  expect(problem(place('/tmp', 99, 1), results, null)?.message).toMatch('100 MiB');
});

test('a run that no disk can hold is refused before it begins, with what to type', () => {
  const estimate: Estimate = {
    ...{ events: 1, startMs: 1, timedMs: 1, endMs: 1, openPhases: [], rounds: null, upserted: [] },
    ...{ laterMs: 1, dataBytes: 1, factsBytes: 1, keptBytes: 1 },
  };
  const places = foldersOf(join(tmpdir(), 'not', 'there', 'yet'), tmpdir());
  const refuse = (dataBytes: number) => () =>
    requireDiskSpace({ ...estimate, dataBytes }, places, 'doorbuster run x.yaml');
  expect(refuse(1)).not.toThrow();
  expect(refuse(2 ** 60)).toThrow(
    expect.objectContaining({
      exitCode: 2,
      message: expect.stringContaining('the run needs about 1048576 TiB there'),
      hint: 'TMPDIR=/a/larger/folder doorbuster run x.yaml',
    }),
  );
});

describe.skipIf(!canMount())('a disk that is full (needs root)', () => {
  test('is named after the reason why a run broke, and a disk with free space is not', () => {
    using disk = smallDisk(8);
    const reason = stackBroke('Kafka did not acknowledge a batch', 'see kafka.log', 'timed out');
    const dirs = [packageRoot, join(disk.dir, 'not', 'yet')];
    expect(withFullDisk(reason, dirs)).toBe(reason);
    disk.fill();
    const found = withFullDisk(reason, dirs);
    expect(found).toMatchObject({
      message: `Kafka did not acknowledge a batch; the disk of ${disk.dir} is full, 0 B are free`,
      ...{ exitCode: 3, hint: `df -h ${disk.dir}`, cause: 'timed out' },
    });
    const defect = new TypeError('x is not a function');
    expect(withFullDisk(defect, dirs)).toBe(defect);
  });
});
