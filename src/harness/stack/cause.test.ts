import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../entry.ts';
import { diskWasFull, innermostCause, logTail, portWasTaken } from './cause.ts';

/** The ends of logs that the real servers wrote when they were made to fail. */
function log(name: string): string {
  return readFileSync(join(packageRoot, 'test/fixtures/stack-logs', `${name}.txt`), 'utf8');
}

describe('the innermost cause in a log', () => {
  it.each([
    ['kafka-port-taken', 'java.net.BindException: Address already in use'],
    ['catalog-port-taken', 'java.net.BindException: Address already in use'],
    ['minio-port-taken', 'Unable to start the server: Specified port is already in use'],
    [
      'flink-jobmanager-port-taken',
      'java.net.BindException: Could not start actor system on any port in port range 24920',
    ],
    [
      'flink-gateway-port-taken',
      'java.net.BindException: Could not start rest endpoint on any port in port range 22912',
    ],
    [
      'kafka-bad-config',
      'org.apache.kafka.common.KafkaException: Unable to parse NOPE to a broker endpoint',
    ],
    ['out-of-memory', 'Terminating due to java.lang.OutOfMemoryError: Java heap space'],
    ['heap-too-large', 'Initial heap size set to a larger value than the maximum heap size'],
    ['no-class', 'java.lang.ClassNotFoundException: kafka.Kafka'],
  ])('is found in %s', (name, cause) => {
    expect(innermostCause(log(name))).toBe(cause);
  });

  it('is nothing when a log tells of no error', () => {
    const calm = log('kafka-port-taken')
      .split('\n')
      .filter((line) => line.includes(' INFO '))
      .join('\n');
    expect(calm.length).toBeGreaterThan(0);
    expect(innermostCause(calm)).toBeNull();
    expect(innermostCause('')).toBeNull();
  });

  it('prefers a stack trace to the goodbye that follows it', () => {
    const text = [
      '2026-11-27 09:00:00,000 ERROR a.B - it went wrong',
      'java.io.IOException: outer',
      '\tat a.B.c(B.java:1)',
      'Caused by: java.io.IOException: No space left on device',
      '\t... 3 more',
      '2026-11-27 09:00:00,001 ERROR a.B - bye',
    ].join('\n');
    expect(innermostCause(text)).toBe('java.io.IOException: No space left on device');
  });
});

it('a full disk is the cause of all that is said after it', () => {
  const text = [
    '[2026-11-27 09:00:00,000] ERROR Error while appending records to pos-0 in dir /x (o.a.k.LogDirFailureChannel)',
    'java.io.IOException: No space left on device',
    '\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)',
    '[2026-11-27 09:00:00,100] FATAL Shutdown broker because all log dirs in /x have failed (kafka.log.LogManager)',
    '[2026-11-27 09:00:00,200] ERROR Unexpected error (o.a.k.c.CoordinatorRuntime)',
    'org.apache.kafka.common.errors.NotLeaderOrFollowerException: the partition is not online',
  ].join('\n');
  const cause = innermostCause(text);
  expect(cause).toBe('java.io.IOException: No space left on device');
  expect(diskWasFull(cause as string)).toBe(true);
});

describe('a taken port', () => {
  it.each(['kafka', 'catalog', 'minio', 'flink-jobmanager', 'flink-gateway'])(
    'is recognized in the log of %s',
    (server) => expect(portWasTaken(log(`${server}-port-taken`))).toBe(true),
  );

  it('is not seen in other failures', () => {
    for (const name of ['kafka-bad-config', 'out-of-memory', 'no-class']) {
      expect(portWasTaken(log(name)), name).toBe(false);
    }
  });
});

describe('the tail of a log', () => {
  it('is empty without a log, and whole for a short one', () => {
    expect(logTail('/nowhere/at/all.log')).toBe('');
    const path = join(packageRoot, 'test/fixtures/stack-logs/no-class.txt');
    expect(logTail(path)).toBe(readFileSync(path, 'utf8'));
  });
});
