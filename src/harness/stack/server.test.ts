import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../entry.ts';
import { exitError } from './server.ts';

const log = (name: string) => join(packageRoot, 'test/fixtures/stack-logs', `${name}.txt`);

it.each(['kafka', 'catalog', 'minio', 'flink-jobmanager', 'flink-gateway'] as const)(
  '%s whose port was taken is named with its ports, and who has them can be looked up',
  (server) => {
    const exit = { code: 1, signal: null };
    const death = exitError(
      server,
      exit,
      log(`${server}-port-taken`),
      'unexpectedly',
      [20_001, 20_002],
    );
    expect(death.portWasTaken).toBe(true);
    expect(death.error.message).toMatch(
      /^\S+ exited unexpectedly \(exit code 1\): .*20001, 20002\)$/,
    );
    expect(death.error.hint).toContain("ss -ltnp | grep -E '20001|20002'");
  },
);

it('one that ended for another reason is not', () => {
  const exit = { code: 1, signal: null };
  const { error, portWasTaken } = exitError(
    'kafka',
    exit,
    log('no-class'),
    'unexpectedly',
    [20_001],
  );
  expect(portWasTaken).toBe(false);
  expect(error.message).not.toContain('20001');
  expect(error.hint).toBe(`less ${log('no-class')}`);
});

it('the error of a process killed from outside has the usual cause', () => {
  const exit = { code: null, signal: 'SIGKILL' } as const;
  const { error } = exitError('kafka', exit, log('heap-too-large'), 'unexpectedly');
  expect(error.message).toContain('kafka exited unexpectedly (killed by SIGKILL)');
  expect(error.hint).toMatch(/^dmesg .*memory is short/);
});

it('the error of a process over its memory limit says so', () => {
  const exit = { code: null, signal: 'SIGKILL', outOfMemory: true } as const;
  const death = exitError('kafka', exit, log('minio-port-taken'), 'unexpectedly');
  expect(death.error.message).toMatch(
    /^kafka exited unexpectedly \(killed at the memory limit of its container\)/,
  );
});
