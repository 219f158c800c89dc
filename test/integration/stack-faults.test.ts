import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { kafkaAnswers, openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { openSqlSession } from '../../src/harness/clients/sql-gateway.ts';
import { identify } from '../../src/harness/process-identity.ts';
import { defaultRegistryDir, killGroup, registrations } from '../../src/harness/stack/registry.ts';
import { engineHere, sweepSession } from '../../src/harness/stack/session.ts';
import type { ServerName, Stack } from '../../src/harness/stack/stack.ts';
import { runtime } from './support/runtime.ts';
import { ownFolders, stackOwners, startStack, until } from './support/stacks.ts';

/** What every runtime does when a fault is asked for: the same words, the same outcome. */
const folder = ownFolders('faults');

const pidOf = (stack: Stack, server: ServerName) =>
  stack.processes().find((one) => one.server === server)?.pid;

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

describe('an injected outage of a server', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ runDir: folder() });
  });

  afterAll(async () => {
    await stack?.stop();
  });

  it('is silent while it is paused, and goes on as the same process', async () => {
    const { brokers } = stack.endpoints.kafka;
    const pid = pidOf(stack, 'kafka');
    await stack.injectOutage('kafka', 'pause');
    expect(await kafkaAnswers({ brokers })).toBe(false);
    expect(stack.broken.aborted).toBe(false);
    await stack.restore('kafka');
    expect(await kafkaAnswers({ brokers })).toBe(true);
    expect(pidOf(stack, 'kafka')).toBe(pid);
  });

  it('comes back with what it had when it was killed, on its port', async () => {
    using bucket = openBucket(stack.endpoints.s3);
    await bucket.put('kept.txt', 'kept');
    const pid = pidOf(stack, 'minio') as number;
    await stack.injectOutage('minio', 'kill');
    expect(identify(pid)).toBeNull();
    expect(pidOf(stack, 'minio')).toBeUndefined();
    expect(await answers(`${stack.endpoints.s3.endpoint}/minio/health/ready`)).toBe(false);
    await stack.restore('minio');
    expect(pidOf(stack, 'minio')).not.toBe(pid);
    expect(Buffer.from(await bucket.get('kept.txt')).toString()).toBe('kept');
    // It is registered again, so that a sweep finds it.
    if (runtime.kind === 'processes') {
      const known = registrations(defaultRegistryDir()).flatMap(({ registration }) =>
        registration.servers.map((one) => one.pid),
      );
      expect(known).toContain(pidOf(stack, 'minio'));
      expect(known).not.toContain(pid);
    }
  });

  it('keeps its log when the broker is killed', async () => {
    const { brokers } = stack.endpoints.kafka;
    await using admin = await openKafkaAdmin({ brokers });
    const waiting = { clock, signal: new AbortController().signal };
    await admin.createTopics([{ name: 'kept', partitions: 3 }], waiting);
    await stack.injectOutage('kafka', 'kill');
    expect(await kafkaAnswers({ brokers })).toBe(false);
    await stack.restore('kafka');
    expect(await admin.logs('kept')).toHaveLength(3);
  });

  it('ends in good order when it is restarted', async () => {
    const namespaces = `${stack.endpoints.catalog.uri}/v1/namespaces`;
    const made = await fetch(namespaces, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ namespace: ['kept'] }),
    });
    expect(made.status).toBe(200);
    const pid = pidOf(stack, 'catalog') as number;
    await stack.injectOutage('catalog', 'restart');
    expect(identify(pid)).toBeNull();
    expect(await answers(namespaces)).toBe(false);
    await stack.restore('catalog');
    expect(await (await fetch(namespaces)).json()).toMatchObject({ namespaces: [['kept']] });
  });

  it('is back when it is there itself, and not while another still counts the one that is gone', async () => {
    const pid = pidOf(stack, 'flink-taskmanager');
    await stack.injectOutage('flink-taskmanager', 'kill');
    // The JobManager has not noticed, and answers for a TaskManager that is no more.
    expect(await answers(`${stack.endpoints.flink.rest}/taskmanagers`)).toBe(true);
    await stack.restore('flink-taskmanager');
    expect(pidOf(stack, 'flink-taskmanager')).not.toBe(pid);
    const { signal } = new AbortController();
    await using session = await openSqlSession(stack.endpoints.flink.gateway, { clock, signal });
    // A job may begin on the one that is gone, and begin again: Flink was seen to answer twice then.
    expect(await session.run('SELECT 1 AS answer')).toContainEqual({ answer: 1 });
  });

  it('breaks nothing, and cannot go away twice', async () => {
    await stack.injectOutage('flink-gateway', 'kill');
    await expect(stack.injectOutage('flink-gateway', 'pause')).rejects.toThrow('does not run');
    await clock.sleep(500);
    expect(stack.broken.aborted).toBe(false);
    await stack.restore('flink-gateway');
    expect(() => stack.restore('flink-gateway')).toThrow('was not stopped');
  });

  it('is ended with the others while it is frozen, away or on its way back', async () => {
    const pids = stack.processes().map(({ pid }) => pid);
    await stack.injectOutage('minio', 'pause');
    await stack.injectOutage('catalog', 'kill');
    await stack.injectOutage('kafka', 'kill');
    const returning = stack.restore('kafka').catch((error: Error) => error);
    await stack.stop();
    await returning;
    for (const pid of pids) expect(identify(pid)).toBeNull();
    expect(stack.processes()).toEqual([]);
    expect(registrations(defaultRegistryDir())).toEqual([]);
  });
});

describe('a server that is frozen when its owner is killed', () => {
  const owner = stackOwners();

  it('is ended all the same', async () => {
    const runDir = folder();
    const child = await owner(runDir, 'minio');
    const [{ registration }] = registrations(defaultRegistryDir()) as [
      ReturnType<typeof registrations>[number],
    ];
    killGroup(child.pid as number, 'SIGKILL');
    await once(child, 'exit');
    if (registration.session === undefined) {
      await until(() => registration.servers.every(({ pid }) => identify(pid) === null), 20_000);
      await until(() => !existsSync(join(runDir, 'work')), 20_000);
      expect(readdirSync(runDir)).toEqual(['logs']);
    } else {
      const session = registration.session;
      const engine = await engineHere();
      // Its own watchdog was there first, or this finds nothing left to do after a while.
      await clock.sleep(10_000);
      expect(await sweepSession(session, engine)).toEqual([]);
    }
  });
});
