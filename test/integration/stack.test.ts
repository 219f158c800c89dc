import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { DoorbusterError } from '../../src/core/errors.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { CpuAccounts } from '../../src/harness/clients/cpu-accounts.ts';
import { kafkaClient, openKafkaAdmin } from '../../src/harness/clients/kafka-admin.ts';
import { readProcesses } from '../../src/harness/clients/proc.ts';
import { openBucket } from '../../src/harness/clients/s3.ts';
import { openSqlSession } from '../../src/harness/clients/sql-gateway.ts';
import { identify } from '../../src/harness/process-identity.ts';
import {
  defaultRegistryDir,
  killGroup,
  registrations,
  sweepLeftovers,
} from '../../src/harness/stack/registry.ts';
import type { Stack } from '../../src/harness/stack/stack.ts';
import { isLoopback, listeners, listeningAddresses } from '../support/listening-sockets.ts';
import { watchdogsOf } from '../support/processes.ts';
import { runtime } from './support/runtime.ts';
import {
  ownFolders,
  type Start,
  stackOwners,
  startStack,
  TASK_SLOTS,
  USUAL_SERVERS,
  until,
} from './support/stacks.ts';

const inContainers = runtime.kind === 'containers';
const folder = ownFolders('stack');

function start({ runDir = folder(), ...options }: Partial<Start> = {}): Promise<Stack> {
  return startStack({ runDir, ...options });
}

async function json(url: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(url, init);
  expect(response.status, url).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

async function createNamespace(stack: Stack, name: string): Promise<void> {
  await json(`${stack.endpoints.catalog.uri}/v1/namespaces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ namespace: [name] }),
  });
}

test('a stack runs the requested servers, and no other', async () => {
  const runDir = folder();
  await using stack = await start({ runDir, servers: ['minio', 'catalog'] });
  expect(stack.servers).toEqual(['minio', 'catalog']);
  expect(stack.processes().map(({ server }) => server)).toEqual(['minio', 'catalog']);
  expect(stack.missing()).toEqual([]);
  expect(readdirSync(join(runDir, 'logs')).toSorted()).toEqual(['catalog.log', 'minio.log']);
  await createNamespace(stack, 'alone');
});

test.each(['redis', 'postgres'] as const)(
  'a %s alone answers, is accounted for, and breaks the stack when it is killed',
  async (name) => {
    await using stack = await start({ servers: [name] });
    const [server] = stack.processes() as [{ readonly pid: number; readonly server: string }];
    expect(stack.processes()).toEqual([{ server: name, pid: server.pid }]);
    const accounts = new CpuAccounts();
    accounts.sample(await readProcesses(), new Map([[server.pid, name]]));
    expect(accounts.usage(name)?.rssBytes).toBeGreaterThan(1_000_000);
    killGroup(server.pid, 'SIGKILL');
    await until(() => stack.broken.aborted, 10_000);
    expect(stack.broken.reason).toMatchObject({
      message: expect.stringMatching(new RegExp(`^${name} exited unexpectedly`)),
    });
  },
);

describe('a running stack', () => {
  let stack: Stack;
  let runDir: string;

  beforeAll(async () => {
    runDir = folder();
    stack = await start({ runDir });
  });

  afterAll(() => stack?.stop());

  it('runs each server as a process of its own', () => {
    const running = stack.processes();
    expect(running.map(({ server }) => server).toSorted()).toEqual([...USUAL_SERVERS].sort());
    for (const { pid, server } of running) expect(identify(pid), server).not.toBeNull();
  });

  it('carries a record through Kafka, stamped by the broker', async () => {
    const { brokers } = stack.endpoints.kafka;
    await using admin = await openKafkaAdmin({ brokers });
    const waiting = { clock, signal: new AbortController().signal };
    await admin.createTopics([{ name: 'pos', partitions: 2 }], waiting);
    await expect(admin.createTopics([{ name: 'pos', partitions: 2 }], waiting)).rejects.toThrow(
      /pos/,
    );

    const kafka = kafkaClient({ brokers }, 'test');
    const producer = kafka.producer();
    await producer.connect();
    const sentMs = clock.nowMs();
    await producer.send({
      topic: 'pos',
      messages: [{ partition: 1, key: '7', value: 'a sale', timestamp: '1000' }],
    });
    await producer.disconnect();

    const consumer = kafka.consumer({ groupId: 'test' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'pos', fromBeginning: true });
    const message = await new Promise<{ value: string | undefined; stampedMs: number }>((resolve) =>
      consumer.run({
        eachMessage: async ({ message: { value, timestamp } }) =>
          resolve({ value: value?.toString(), stampedMs: Number(timestamp) }),
      }),
    );
    await consumer.disconnect();
    expect(message.value).toBe('a sale');
    expect(message.stampedMs).toBeGreaterThanOrEqual(sentMs);
    expect(await admin.logs('pos')).toEqual([
      { partition: 0, low: 0n, high: 0n },
      { partition: 1, low: 0n, high: 1n },
    ]);
  });

  it('refuses a topic that was not created', async () => {
    await using admin = await openKafkaAdmin(stack.endpoints.kafka);
    await expect(admin.logs('misspelt')).rejects.toThrow('Kafka has no topic misspelt');
  });

  it('keeps an object, under credentials of its own', async () => {
    const { s3 } = stack.endpoints;
    using bucket = openBucket(s3);
    await bucket.put('retail/a file.txt', 'twelve bytes');
    const body = await bucket.get(`s3://${s3.bucket}/retail/a file.txt`);
    expect(Buffer.from(body).toString()).toBe('twelve bytes');
    expect(await bucket.size('retail/a file.txt')).toBe(12);
    expect(await bucket.size('retail/nothing')).toBeNull();
    const listed: [string, number][] = [];
    for await (const { key, bytes } of bucket.list('retail/')) listed.push([key, bytes]);
    expect(listed).toEqual([['retail/a file.txt', 12]]);
    using stranger = openBucket({ ...s3, secretAccessKey: 'a guess' });
    await expect(stranger.get('retail/a file.txt')).rejects.toThrow();
    const metrics = await fetch(`${s3.endpoint}/minio/v2/metrics/cluster`);
    expect(await metrics.text()).toContain('minio_s3_requests_total');
  });

  it('has a catalog that creates a namespace in the bucket', async () => {
    await createNamespace(stack, 'retail');
    const { properties } = await json(`${stack.endpoints.catalog.uri}/v1/namespaces/retail`);
    expect(properties).toEqual({ location: 's3://warehouse/retail' });
  });

  it('lets no page of another origin read what Flink answers, or send it a jar', async () => {
    const { rest, gateway } = stack.endpoints.flink;
    const headers = { origin: 'http://elsewhere.example' };
    const asked: readonly (readonly [string, RequestInit])[] = [
      [`${rest}/overview`, { headers }],
      [`${gateway}/v1/info`, { headers }],
      // What a page may send without being asked first: it opens a session, and is not to learn which.
      [
        `${gateway}/v1/sessions`,
        { method: 'POST', body: '{}', headers: { ...headers, 'content-type': 'text/plain' } },
      ],
    ];
    for (const [url, request] of asked) {
      const answer = await fetch(url, request);
      await answer.text();
      expect(answer.status, url).toBe(200);
      expect(answer.headers.get('access-control-allow-origin'), url).toBe(rest);
    }
    // With submission from the web interface on, this lists the jars.
    const jars = await fetch(`${rest}/jars`);
    await jars.text();
    expect(jars.status).toBe(404);
  });

  it('has a TaskManager with the requested slots', async () => {
    const overview = await json(`${stack.endpoints.flink.rest}/overview`);
    expect(overview).toMatchObject({
      taskmanagers: 1,
      'slots-total': TASK_SLOTS,
      'slots-available': TASK_SLOTS,
    });
  });

  it('answers SELECT 1, run by the TaskManager', async () => {
    const { signal } = new AbortController();
    await using session = await openSqlSession(stack.endpoints.flink.gateway, { clock, signal });
    expect(await session.run('SELECT 1 AS answer')).toEqual([{ answer: 1 }]);
  });

  it.skipIf(inContainers)('listens on loopback only', () => {
    const listening = stack
      .processes()
      .flatMap(({ server, pid }) => listeners(pid).map((address) => ({ server, address })));
    const servers = new Set(listening.map(({ server }) => server));
    expect([...servers].sort()).toEqual([...USUAL_SERVERS].sort());
    expect(listening.filter(({ address }) => !isLoopback(address))).toEqual([]);
  });

  it('can be reached on loopback only', () => {
    const { kafka, s3, catalog, flink } = stack.endpoints;
    const urls = [`tcp://${kafka.brokers[0]}`, s3.endpoint, catalog.uri, flink.rest, flink.gateway];
    const ports = urls.map((url) => Number(new URL(url).port));
    const listening = listeningAddresses('self').filter(({ port }) => ports.includes(port));
    expect(new Set(listening.map(({ port }) => port))).toEqual(new Set(ports));
    expect(listening.filter(({ address }) => !isLoopback(address))).toEqual([]);
  });

  it('writes a log per server into the run, and no secret into it', () => {
    const logs = readdirSync(join(runDir, 'logs'));
    expect(logs.toSorted()).toEqual(USUAL_SERVERS.map((server) => `${server}.log`).sort());
    for (const log of logs) {
      const text = readFileSync(join(runDir, 'logs', log), 'utf8');
      expect(text.length, log).toBeGreaterThan(0);
      expect(text.includes(stack.endpoints.s3.secretAccessKey), log).toBe(false);
    }
  });

  describe('next to a second one, one of whose ports is taken at the last moment', () => {
    let second: Stack;
    let secondDir: string;
    let thief: Server | undefined;

    beforeAll(async () => {
      secondDir = folder();
      const starting = start({ runDir: secondDir });
      // Of containers, that test is containers.test.ts's: their configuration is not in this folder.
      if (!inContainers) thief = await steal(join(secondDir, 'work'), 'kafka');
      second = await starting;
    });

    afterAll(async () => {
      thief?.close();
      await second?.stop();
    });

    it.skipIf(inContainers)('chose another port', () => {
      const { port } = (thief as Server).address() as AddressInfo;
      expect(second.endpoints.kafka.brokers).not.toContain(`127.0.0.1:${port}`);
      expect(text(join(secondDir, 'logs', 'kafka.log'))).toContain('Address already in use');
    });

    it('shares nothing with it', async () => {
      const firstPorts = Object.values(stack.endpoints).flatMap((one) => Object.values(one ?? {}));
      const secondPorts = Object.values(second.endpoints).flatMap((one) =>
        Object.values(one ?? {}),
      );
      const urls = (values: readonly unknown[]) =>
        values.flat().filter((value) => /:\d+$/.test(String(value)));
      expect(urls(firstPorts)).toHaveLength(8);
      expect(urls(secondPorts).filter((url) => urls(firstPorts).includes(url))).toEqual([]);
      await createNamespace(second, 'other');
      const { namespaces } = await json(`${stack.endpoints.catalog.uri}/v1/namespaces`);
      expect(namespaces).not.toContainEqual(['other']);
      using wrongKeys = openBucket({ ...second.endpoints.s3, ...keysOf(stack) });
      await expect(wrongKeys.put('x', 'x')).rejects.toThrow();
    });

    it('names a server that dies within seconds, and goes without a trace', async () => {
      const running = second.processes();
      const victim = running.find(({ server }) => server === 'flink-taskmanager')!;
      expect(second.broken.aborted).toBe(false);
      killGroup(victim.pid, 'SIGKILL');
      await until(() => second.broken.aborted, 10_000);
      const error = second.broken.reason as DoorbusterError;
      expect(error).toBeInstanceOf(DoorbusterError);
      expect(error.exitCode).toBe(EXIT.stackBroke);
      expect(error.message).toMatch(/^flink-taskmanager exited .*SIGKILL/);
      expect(error.hint).toContain(join(secondDir, 'logs', 'flink-taskmanager.log'));

      await Promise.all([second.stop(), second.stop()]);
      for (const { pid, server } of running) expect(identify(pid), server).toBeNull();
      expect(existsSync(join(secondDir, 'work'))).toBe(false);
      expect(existsSync(join(secondDir, 'logs', 'kafka.log'))).toBe(true);
      expect(stack.broken.aborted).toBe(false);
    });
  });

  it('is not swept while its owner lives, and leaves nothing once it is stopped', async () => {
    const running = stack.processes();
    expect(await sweepLeftovers(clock)).toEqual([]);
    for (const { pid, server } of running) expect(identify(pid), server).not.toBeNull();
    await stack.stop();
    for (const { pid, server } of running) expect(identify(pid), server).toBeNull();
    expect(stack.processes()).toEqual([]);
    expect(stack.broken.aborted).toBe(false);
    expect(readdirSync(runDir)).toEqual(['logs']);
    expect(registrations(defaultRegistryDir())).toEqual([]);
  });
});

describe.skipIf(inContainers)('a start that does not come to its end', () => {
  it('names the server that failed, and stops the others', async () => {
    const runDir = folder();
    const failed = start({ runDir, artifacts: { minio: '/bin/false' } });
    await expect(failed).rejects.toMatchObject({
      exitCode: EXIT.stackBroke,
      message: expect.stringMatching(/^minio exited .*exit code 1/),
    });
    expect(readdirSync(runDir)).toEqual(['logs']);
    expect(registrations(defaultRegistryDir())).toEqual([]);
  });

  it('names a missing program', async () => {
    const failed = start({ artifacts: { minio: '/nowhere/minio' } });
    await expect(failed).rejects.toMatchObject({
      exitCode: EXIT.badInput,
      hint: 'doorbuster doctor',
      message: expect.stringContaining('/nowhere/minio'),
    });
  });

  it('ends at once when it is interrupted', async () => {
    const runDir = folder();
    const interrupt = new AbortController();
    const reason = new Error('Ctrl-C');
    const started = start({
      runDir,
      signal: interrupt.signal,
      onProgress: (_, state) => state === 'ready' && interrupt.abort(reason),
    });
    await expect(started).rejects.toBe(reason);
    expect(readdirSync(runDir)).toEqual(['logs']);
    expect(registrations(defaultRegistryDir())).toEqual([]);
  });

  it('keeps its hands off a folder that holds something', async () => {
    const runDir = folder();
    mkdirSync(join(runDir, 'work'));
    writeFileSync(join(runDir, 'work', 'precious'), 'x');
    await expect(start({ runDir })).rejects.toMatchObject({
      exitCode: EXIT.badInput,
      message: expect.stringContaining('not empty'),
    });
    expect(existsSync(join(runDir, 'work', 'precious'))).toBe(true);
  });
});

describe.skipIf(inContainers)('the servers of a killed owner', () => {
  const startOwner = stackOwners();

  async function owner(runDir: string) {
    const child = await startOwner(runDir);
    const [entry] = registrations(defaultRegistryDir());
    return { child, servers: entry!.registration.servers };
  }

  it('die with it', async () => {
    const runDir = folder();
    const { child, servers } = await owner(runDir);
    expect(servers.length).toBeGreaterThan(0);
    killGroup(child.pid!, 'SIGKILL');
    await once(child, 'exit');
    await until(() => servers.every(({ pid }) => identify(pid) === null), 15_000);
    await until(() => readdirSync(runDir).join() === 'logs', 15_000);
    // The registry keeps it, so that the next start can tell.
    const swept = await sweepLeftovers(clock);
    expect(swept).toMatchObject([{ workDir: join(runDir, 'work'), killed: [], folder: 'gone' }]);
    expect(registrations(defaultRegistryDir())).toEqual([]);
  });

  it('are swept by the next start when the watchdog was killed as well', async () => {
    const runDir = folder();
    const { child, servers } = await owner(runDir);
    const watchdogs = watchdogsOf(child.pid!);
    expect(watchdogs).toHaveLength(1);
    killGroup(watchdogs[0]!, 'SIGKILL');
    killGroup(child.pid!, 'SIGKILL');
    await once(child, 'exit');
    await clock.sleep(1_000);
    const alive = servers.filter(({ pid }) => identify(pid) !== null);
    expect(alive.length).toBeGreaterThan(0);

    const swept = await sweepLeftovers(clock);
    expect(swept).toHaveLength(1);
    expect(swept[0]!.workDir).toBe(join(runDir, 'work'));
    for (const { pid, server } of servers) expect(identify(pid), server).toBeNull();
    expect(readdirSync(runDir)).toEqual(['logs']);
  });
});

function keysOf({ endpoints }: Stack) {
  const { accessKeyId, secretAccessKey } = endpoints.s3;
  return { accessKeyId, secretAccessKey };
}

/** Binds the port that a starting stack has claimed for a server, before the server does. */
async function steal(workDir: string, server: 'kafka'): Promise<Server> {
  const properties = join(workDir, server, 'server.properties');
  await until(() => existsSync(properties) && /HARNESS:\/\//.test(text(properties)), 10_000);
  const port = Number(/HARNESS:\/\/127\.0\.0\.1:(\d+)/.exec(text(properties))![1]);
  const thief = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    thief.once('error', reject);
    thief.listen({ host: '127.0.0.1', port }, resolve);
  });
  return thief;
}

function text(path: string): string {
  return readFileSync(path, 'utf8');
}
