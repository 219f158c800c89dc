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
import { kafkaAnswers, openKafkaAdmin } from '../../../src/harness/clients/kafka-admin.ts';
import { locateArtifacts } from '../../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../../src/harness/setup/cache.ts';
import { readLock } from '../../../src/harness/setup/lock.ts';
import type { Plan } from '../../../src/harness/stack/plan.ts';
import { freePorts } from '../../../src/harness/stack/ports.ts';
import { type Command, SERVICES } from '../../../src/harness/stack/services.ts';
import { STREAMS } from '../../../src/scenario/scenario.ts';
import { KafkaProxy } from './kafka-proxy.ts';

/** The stack's own Kafka server without the rest of the stack, behind a proxy that clients go through. */
export class KafkaAlone implements AsyncDisposable {
  readonly proxy: KafkaProxy;
  readonly brokers: readonly string[];
  readonly #server: ChildProcess;
  readonly #dir: string;

  static async start(): Promise<KafkaAlone> {
    const dir = mkdtempSync(join(tmpdir(), 'doorbuster-kafka-'));
    const proxy = await KafkaProxy.open();
    const ports = await freePorts(new Set());
    proxy.forwardTo(ports.kafka);
    const plan: Plan = {
      ports,
      secrets: { accessKeyId: '', secretAccessKey: '', clusterId: 'MkU3OEVBNTcwNTJENDM2Qg' },
      artifacts: locateArtifacts(defaultCacheDir(), readLock()),
      java: 'java',
      workDir: dir,
      logDir: dir,
      flink: { taskSlots: 1, checkpointEveryMs: 1_000 },
    };
    const { dirs, files, prepare, command } = SERVICES.kafka;
    for (const path of [...dirs(plan), join(dir, 'tmp')]) mkdirSync(path, { recursive: true });
    const own = `advertised.listeners=PLAINTEXT://127.0.0.1:${ports.kafka}`;
    for (const [path, text] of Object.entries(files(plan))) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text.replace(own, own.replace(String(ports.kafka), String(proxy.port))));
    }
    const formatted = prepare?.(plan) as Command;
    const format = spawnSync(formatted.program, formatted.args, { encoding: 'utf8' });
    if (format.status !== 0)
      throw new Error(`Kafka's format failed: ${format.stdout}${format.stderr}`);
    const { program, args } = command(plan, '');
    const log = openSync(join(dir, 'kafka.log'), 'w');
    const server = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    const kafka = new KafkaAlone(server, proxy, dir);
    await kafka.#ready();
    return kafka;
  }

  private constructor(server: ChildProcess, proxy: KafkaProxy, dir: string) {
    this.#server = server;
    this.proxy = proxy;
    this.brokers = [`127.0.0.1:${proxy.port}`];
    this.#dir = dir;
  }

  /** Fresh, empty topics, one per stream. */
  async freshTopics(partitions: number): Promise<void> {
    await using admin = await openKafkaAdmin(this.brokers);
    await admin.createTopics(STREAMS.map((name) => ({ name, partitions })));
  }

  /** The broker stops doing anything, and its sockets stay open. */
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
    const untilMs = systemClock.monotonicMs() + 60_000;
    while (!(await kafkaAnswers(this.brokers))) {
      if (this.#server.exitCode !== null || systemClock.monotonicMs() > untilMs) {
        throw new Error(readFileSync(join(this.#dir, 'kafka.log'), 'utf8').slice(-2_000));
      }
      await systemClock.sleep(200);
    }
  }
}
