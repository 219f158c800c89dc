import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { kafkaAnswers, openKafkaAdmin } from '../src/harness/clients/kafka-admin.ts';
import { yielding } from '../src/harness/priority.ts';
import { javaCommand } from '../src/harness/setup/prerequisites.ts';
import type { Command } from '../src/harness/stack/components/component.ts';
import { COMPONENTS } from '../src/harness/stack/components/components.ts';
import { LOOPBACK, type Plan } from '../src/harness/stack/plan.ts';
import { freePorts } from '../src/harness/stack/ports.ts';
import { STREAMS } from '../src/scenario/scenario.ts';
import type { BenchContext } from './bench.ts';

/** The stack's own Kafka server, started as the stack starts it, without the rest of the stack. */
export interface Kafka extends AsyncDisposable {
  readonly brokers: readonly string[];
  /** Fresh topics, one per stream, with this many partitions; a second call is an error. */
  createTopics(partitions: number, names?: readonly string[]): Promise<void>;
}

/** Starts the broker and waits until it answers; rejects with the end of its log. */
export async function startKafka({ artifacts, clock, signal, dir }: BenchContext): Promise<Kafka> {
  const ports = await freePorts(new Set());
  const workDir = join(dir, 'kafka');
  const plan: Plan = {
    ports,
    network: LOOPBACK,
    secrets: { accessKeyId: '', secretAccessKey: '', clusterId: 'MkU3OEVBNTcwNTJENDM2Qg' },
    artifacts,
    java: javaCommand(),
    workDir,
    logDir: dir,
    jit: 'full',
    flink: { taskSlots: 1, checkpointEveryMs: 1_000 },
  };
  const { dirs, files, prepare, command } = COMPONENTS.kafka;
  for (const path of [...dirs(plan), join(workDir, 'tmp')]) mkdirSync(path, { recursive: true });
  for (const [path, text] of Object.entries(files(plan))) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const formatting = prepare?.(plan) as Command;
  const formatted = spawnSync(formatting.program, formatting.args, { encoding: 'utf8' });
  if (formatted.status !== 0) throw new Error(`${formatted.stdout}${formatted.stderr}`);
  const { program, args } = command(plan, '');
  const logFile = join(dir, 'kafka.log');
  const log = openSync(logFile, 'w');
  const [yieldingProgram, yieldingArgs] = yielding(program, args);
  const stdio = ['ignore', log, log] as const;
  const server = spawn(yieldingProgram, yieldingArgs, { stdio: [...stdio], detached: true });
  closeSync(log);
  const brokers = [`127.0.0.1:${ports.kafka}`];
  const dispose = async () => {
    if (server.exitCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  try {
    const untilMs = clock.monotonicMs() + 240_000;
    while (!(await kafkaAnswers(brokers))) {
      if (server.exitCode !== null || clock.monotonicMs() > untilMs) {
        throw new Error(readFileSync(logFile, 'utf8').slice(-2_000));
      }
      await clock.sleep(200, signal);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    brokers,
    async createTopics(partitions, names = STREAMS) {
      await using admin = await openKafkaAdmin(brokers);
      await admin.createTopics(
        names.map((name) => ({ name, partitions })),
        { clock, signal },
      );
    },
    [Symbol.asyncDispose]: dispose,
  };
}
