import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import { kafkaAnswers, kafkaClient } from '../../../src/harness/clients/kafka-admin.ts';
import { locateArtifacts } from '../../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../../src/harness/setup/cache.ts';
import { readLock } from '../../../src/harness/setup/lock.ts';
import type { Command } from '../../../src/harness/stack/components/component.ts';
import { COMPONENTS } from '../../../src/harness/stack/components/components.ts';
import { LOOPBACK, type Plan } from '../../../src/harness/stack/plan.ts';
import { freePorts } from '../../../src/harness/stack/ports.ts';
import { STREAMS } from '../../../src/scenario/scenario.ts';
import { KafkaProxy } from './kafka-proxy.ts';

/** A listener of a broker on this machine's loopback. */
export interface Listener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  /** Its settings, without the prefix of their names. */
  readonly settings: Readonly<Record<string, string>>;
  /** Further arguments of the storage tool. */
  readonly format: readonly string[];
}

function withListener(text: string, { name, port, protocol, settings }: Listener): string {
  const address = `${name}://127.0.0.1:${port}`;
  const lists = { listeners: address, 'advertised.listeners': address };
  const map = { ...lists, 'listener.security.protocol.map': `${name}:${protocol}` };
  const changed = Object.entries(map).reduce(
    (all, [key, value]) =>
      all.replace(new RegExp(`^${key}=.*$`, 'm'), (line) => `${line},${value}`),
    text,
  );
  const own = Object.entries(settings).map(
    ([key, value]) => `listener.name.${name.toLowerCase()}.${key}=${value}\n`,
  );
  return `${changed.trimEnd()}\n${own.join('')}`;
}

/** The stack's Kafka server without the other servers, behind a proxy for the clients. */
export class KafkaAlone implements AsyncDisposable {
  readonly proxy: KafkaProxy;
  readonly brokers: readonly string[];
  readonly #server: ChildProcess;
  readonly #dir: string;

  /** `another`: a further listener of the broker, which the harness's own stack does not have. */
  static async start(another?: Listener): Promise<KafkaAlone> {
    const dir = mkdtempSync(join(tmpdir(), 'doorbuster-kafka-'));
    const proxy = await KafkaProxy.open();
    const ports = await freePorts(new Set());
    proxy.forwardTo(ports.kafka);
    const plan: Plan = {
      servers: ['kafka'],
      ports,
      network: LOOPBACK,
      secrets: { accessKeyId: '', secretAccessKey: '', clusterId: 'MkU3OEVBNTcwNTJENDM2Qg' },
      artifacts: locateArtifacts(defaultCacheDir(), readLock()),
      java: 'java',
      postgres: { dir: null, under: [] },
      workDir: dir,
      logDir: dir,
      jit: 'c1',
      flink: { taskSlots: 1, checkpointEveryMs: 1_000 },
    };
    const { dirs, files, prepare, command } = COMPONENTS.kafka;
    for (const path of [...dirs(plan), join(dir, 'tmp')]) mkdirSync(path, { recursive: true });
    const own = `advertised.listeners=HARNESS://127.0.0.1:${ports.kafka}`;
    for (const [path, text] of Object.entries(files(plan))) {
      mkdirSync(dirname(path), { recursive: true });
      const proxied = text.replace(own, own.replace(String(ports.kafka), String(proxy.port)));
      const isSettings = path.endsWith('server.properties');
      writeFileSync(path, another && isSettings ? withListener(proxied, another) : proxied);
    }
    const formatted = prepare?.(plan) as Command;
    const format = spawnSync(formatted.program, [...formatted.args, ...(another?.format ?? [])], {
      encoding: 'utf8',
    });
    if (format.status !== 0)
      throw new Error(`Kafka's format failed: ${format.stdout}${format.stderr}`);
    const { program, args } = command(plan, '');
    const log = openSync(join(dir, 'kafka.log'), 'w');
    const server = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    const kafka = new KafkaAlone(server, proxy, dir);
    try {
      await kafka.#ready();
    } catch (error) {
      await kafka[Symbol.asyncDispose]();
      throw error;
    }
    return kafka;
  }

  private constructor(server: ChildProcess, proxy: KafkaProxy, dir: string) {
    this.#server = server;
    this.proxy = proxy;
    this.brokers = [`127.0.0.1:${proxy.port}`];
    this.#dir = dir;
  }

  /** Replaces the topics by new, empty ones, one per stream. */
  async freshTopics(
    partitions: number,
    stamp: 'LogAppendTime' | 'CreateTime' = 'LogAppendTime',
  ): Promise<void> {
    const admin = kafkaClient(this, 'test').admin();
    try {
      await admin.connect();
      const there = (await admin.listTopics()).filter((topic) => STREAMS.some((s) => s === topic));
      if (there.length > 0) await admin.deleteTopics({ topics: there });
      while ((await admin.listTopics()).some((topic) => there.includes(topic))) {
        await systemClock.sleep(50);
      }
      const configEntries = [{ name: 'message.timestamp.type', value: stamp }];
      await admin.createTopics({
        topics: STREAMS.map((topic) => ({ topic, numPartitions: partitions, configEntries })),
        waitForLeaders: false,
      });
      // The broker does not know them directly after their creation.
      const led = async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [...STREAMS] });
        return topics.every((topic) => topic.partitions.every(({ leader }) => leader >= 0));
      };
      while (!(await led().catch(() => false))) await systemClock.sleep(50);
    } finally {
      await admin.disconnect();
    }
  }

  /** Pauses the broker; its sockets stay open. */
  pause(): void {
    this.#server.kill('SIGSTOP');
  }

  resume(): void {
    this.#server.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    if (this.#server.exitCode === null) {
      const gone = once(this.#server, 'exit');
      this.#server.kill('SIGKILL');
      await gone;
    }
    await this.proxy[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    const untilMs = systemClock.monotonicMs() + 240_000;
    while (!(await kafkaAnswers(this))) {
      if (this.#server.exitCode !== null || systemClock.monotonicMs() > untilMs) {
        throw new Error(readFileSync(join(this.#dir, 'kafka.log'), 'utf8').slice(-2_000));
      }
      await systemClock.sleep(200);
    }
  }
}
