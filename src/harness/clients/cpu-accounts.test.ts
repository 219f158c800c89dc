import { expect, test } from 'vitest';
import { CONTAINER_ENGINE, CpuAccounts, KERNEL } from './cpu-accounts.ts';
import type { ProcessStat } from './proc.ts';

/** `pid: [parent, own seconds, seconds of ended children, name]`; its start time is its id by default. */
type Row = readonly [parent: number, ownS: number, reapedS?: number, name?: string, born?: number];

function machine(rows: Readonly<Record<number, Row>>): ReadonlyMap<number, ProcessStat> {
  return new Map(
    Object.entries(rows).map(([id, [parent, ownS, reapedS = 0, name = 'java', born]]) => {
      const pid = Number(id);
      const startTicks = born ?? pid;
      return [pid, { pid, name, parent, startTicks, ownS, reapedS, rssBytes: 10 }];
    }),
  );
}

const ROOTS = new Map([
  [10, 'harness'],
  [20, 'kafka'],
]);

test('a process and all beneath it are one account, without what belongs to others', () => {
  const accounts = new CpuAccounts();
  accounts.sample(
    machine({ 1: [0, 99], 10: [1, 5, 2], 11: [10, 3], 20: [10, 100, 50], 21: [20, 70] }),
    ROOTS,
  );
  expect(accounts.usage('harness')).toEqual({ cpuS: 10, rssBytes: 20 });
  expect(accounts.usage('kafka')).toEqual({ cpuS: 220, rssBytes: 20 });
  expect(accounts.usage('minio')).toBeUndefined();
});

test('a server that is started again goes on where it was, however much the new process has used', () => {
  const accounts = new CpuAccounts();
  accounts.sample(machine({ 10: [1, 5], 20: [10, 3] }), ROOTS);
  // It used another second before its end, which its parent has waited for.
  accounts.sample(machine({ 10: [1, 6, 4] }), new Map([[10, 'harness']]));
  expect(accounts.usage('kafka')).toEqual({ cpuS: 4, rssBytes: 0 });
  expect(accounts.usage('harness')?.cpuS).toBe(6);
  // More than the process before it: a counter that did not go back.
  const again = new Map([
    [10, 'harness'],
    [22, 'kafka'],
  ]);
  accounts.sample(machine({ 10: [1, 6, 4], 22: [10, 7] }), again);
  expect(accounts.usage('kafka')?.cpuS).toBe(11);
  expect(accounts.usage('harness')?.cpuS).toBe(6);
});

test('a server that is no child of ours takes nothing from our account as it ends', () => {
  const accounts = new CpuAccounts();
  accounts.sample(machine({ 1: [0, 0], 10: [1, 5], 20: [1, 50] }), ROOTS);
  accounts.sample(machine({ 1: [0, 0, 52], 10: [1, 9] }), new Map([[10, 'harness']]));
  expect(accounts.usage('harness')?.cpuS).toBe(9);
  expect(accounts.usage('kafka')?.cpuS).toBe(50);
});

test('an id that is given out again is another process', () => {
  const accounts = new CpuAccounts();
  accounts.sample(machine({ 10: [1, 5], 20: [10, 30] }), ROOTS);
  accounts.sample(machine({ 10: [1, 5, 30], 20: [10, 2, 0, 'java', 999] }), ROOTS);
  expect(accounts.usage('kafka')?.cpuS).toBe(32);
});

test('children that were never sampled, orphaned or not reaped are counted once', () => {
  const accounts = new CpuAccounts();
  accounts.sample(machine({ 1: [0, 0], 20: [1, 10], 21: [20, 5], 23: [21, 1] }), ROOTS);
  // 21 has ended with 6 s, and an unseen one with 2 s; 23 is init's now.
  accounts.sample(machine({ 1: [0, 0], 20: [1, 10, 8], 23: [1, 4] }), ROOTS);
  expect(accounts.usage('kafka')?.cpuS).toBe(10 + 8 + 4);
  // 23 has ended, and its own account with it: what was seen of it stays.
  accounts.sample(machine({ 1: [0, 0, 4], 20: [1, 11, 8] }), ROOTS);
  expect(accounts.usage('kafka')?.cpuS).toBe(11 + 8 + 4);
});

test('an account never becomes less where a process was listed before it was waited for', () => {
  const accounts = new CpuAccounts();
  accounts.sample(machine({ 20: [1, 10, 3], 21: [20, 5] }), ROOTS);
  expect(accounts.usage('kafka')?.cpuS).toBe(18);
  accounts.sample(machine({ 20: [1, 10, 3] }), ROOTS);
  expect(accounts.usage('kafka')?.cpuS).toBe(18);
  accounts.sample(machine({ 20: [1, 10, 8.5] }), ROOTS);
  expect(accounts.usage('kafka')?.cpuS).toBe(18.5);
});

test("an engine's programs are one account, and what is in its containers is not", () => {
  const accounts = new CpuAccounts();
  const stats = machine({
    1: [0, 0],
    2: [0, 1, 0, 'kthreadd'],
    3: [2, 4, 0, 'kworker/0:1'],
    4: [1, 7, 500, 'dockerd'],
    5: [4, 2, 0, 'docker-proxy'],
    6: [1, 3, 800, 'containerd-shim'],
    7: [1, 1, 0, 'containerd-shim'],
    10: [1, 5],
    20: [6, 40],
    30: [7, 60, 0, 'stranger'],
  });
  accounts.sample(stats, ROOTS);
  expect(accounts.usage(CONTAINER_ENGINE)?.cpuS).toBe(7 + 2 + 3 + 1);
  expect(accounts.usage('kafka')?.cpuS).toBe(40);
  expect(accounts.usage(KERNEL)?.cpuS).toBe(5);
});

test('a container engine is another program if the servers are processes', () => {
  const accounts = new CpuAccounts();
  accounts.sample(machine({ 1: [0, 0], 4: [1, 7, 0, 'dockerd'], 10: [1, 5], 20: [10, 40] }), ROOTS);
  expect(accounts.usage(CONTAINER_ENGINE)).toBeUndefined();
});
