import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CompressionTypes, Kafka as KafkaJs, logLevel } from 'kafkajs';
import { encode } from '../src/generators/encode.ts';
import { preloadOf } from '../src/generators/tape.ts';
import { partitionOf } from '../src/harness/clients/kafka-producer.ts';
import { startLoad } from '../src/harness/load/load.ts';
import { PACER_LIMITS } from '../src/harness/load/pacer.ts';
import { ownNamespace } from '../src/harness/run-namespace.ts';
import { javaCommand } from '../src/harness/setup/prerequisites.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Bench, BenchContext } from './bench.ts';
import { endedChildrenCpuS, ownCpuS } from './cpu.ts';
import { type Kafka, startKafka } from './kafka.ts';

const PARTITIONS = 4;
/** Stock images of 100 stores and 1,000 SKUs: the opening stock is sent as fast as it is taken. */
const { scenario } = parseScenario(
  `
name: producing
retail: { stores: 100, skus: 1000, assortment: 1000, hours: flat }
traffic: { pos: {}, inventory: {} }
stack: { partitions: ${PARTITIONS} }
phases: [{ name: only, for: 10s }]
`,
  { file: 'producing' },
);
const MESSAGES = scenario.retail.stores * scenario.retail.assortment;

interface Took {
  readonly wallS: number;
  readonly cpuS: number;
}

/** Our producing thread, the bare client with the same bytes, and the broker's own perf tool. */
export const producing: Bench = {
  name: 'producing',
  about: "our producing thread, bare kafkajs and Kafka's own perf tool against one broker",
  async run(context) {
    await using kafka = await startKafka(context);
    const values = encoded();
    const bytes = values.reduce((sum, { value }) => sum + value.byteLength, 0);
    context.say('our producing thread');
    await kafka.createTopics(PARTITIONS);
    const ours = await oursTook(context, kafka);
    context.say('bare kafkajs');
    await kafka.createTopics(PARTITIONS, ['bare']);
    const bare = await bareTook(kafka, values);
    context.say("Kafka's perf tool");
    await kafka.createTopics(PARTITIONS, ['perf']);
    const perf = perfTook(context, kafka, values);
    const row = (what: string, { wallS, cpuS }: Took) => ({
      what,
      values: {
        'events/s': MESSAGES / wallS,
        'MB/s': bytes / 1e6 / wallS,
        'events/core-s': MESSAGES / cpuS,
        'core-s': cpuS,
      },
    });
    return {
      title: `${MESSAGES} stock images of ${Math.round(bytes / MESSAGES)} bytes, acks from all, ${PARTITIONS} partitions`,
      rows: [
        row('doorbuster, one thread: generated, encoded, produced, noted', ours),
        row('bare kafkajs: the same bytes, one request at a time', bare),
        row("Kafka's kafka-producer-perf-test: the same bytes, pipelined", perf),
        {
          what: '  by its own clock, from its first record on',
          values: { 'events/s': perf.perSecond, 'MB/s': (perf.perSecond * bytes) / MESSAGES / 1e6 },
        },
      ],
      ratios: [
        { name: 'doorbuster / bare kafkajs, events per second', ratio: bare.wallS / ours.wallS },
        { name: 'doorbuster / bare kafkajs, events per core-second', ratio: bare.cpuS / ours.cpuS },
        {
          name: 'doorbuster / perf tool by its own clock, events per second',
          ratio: MESSAGES / ours.wallS / perf.perSecond,
        },
        { name: 'doorbuster / perf tool, events per core-second', ratio: perf.cpuS / ours.cpuS },
      ],
      notes: [
        "the perf tool's CPU time, and its time but by its own clock, include its JVM's start",
      ],
    };
  },
};

interface Value {
  readonly store: number;
  readonly value: Uint8Array;
}

function encoded(): readonly Value[] {
  const stores = Array.from({ length: scenario.retail.stores }, (_, i) => i + 1);
  return Array.from(preloadOf(scenario, stores), (event) => ({
    store: event.store,
    value: encode(event, 0),
  }));
}

async function oursTook({ dir, clock, signal }: BenchContext, kafka: Kafka): Promise<Took> {
  const factsDir = join(dir, 'facts');
  mkdirSync(factsDir);
  await using load = await startLoad({
    scenario,
    target: { kind: 'kafka', brokers: kafka.brokers },
    place: ownNamespace({ namespace: 'retail' }),
    workers: 1,
    dir: factsDir,
    runId: 'bench',
    clock,
    signal,
  });
  const took = await measured(() => load.preload());
  return took;
}

async function bareTook(kafka: Kafka, values: readonly Value[]): Promise<Took> {
  const client = new KafkaJs({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });
  const producer = client.producer({
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition as number,
  });
  await producer.connect();
  const parts = new Map(
    values.map(({ store }) => [store, partitionOf(store, PARTITIONS)] as const),
  );
  try {
    return await measured(async () => {
      for (let from = 0; from < values.length; from += PACER_LIMITS.batchCount) {
        const batch = values.slice(from, from + PACER_LIMITS.batchCount);
        await producer.send({
          topic: 'bare',
          acks: -1,
          compression: CompressionTypes.None,
          messages: batch.map(({ store, value }) => ({
            key: String(store),
            value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
            partition: parts.get(store) as number,
          })),
        });
      }
    });
  } finally {
    await producer.disconnect();
  }
}

/** The tool is not among the server's jars: Maven's client gets the one of the broker's version. */
function perfTook(
  { artifacts, dir, clock }: BenchContext,
  kafka: Kafka,
  values: readonly Value[],
): Took & { readonly perSecond: number } {
  const version = artifacts.versions.kafka as string;
  const fetched = spawnSync(
    'mvn',
    [
      ...['-q', '-B', 'dependency:copy', `-DoutputDirectory=${dir}`],
      `-Dartifact=org.apache.kafka:kafka-tools:${version}`,
    ],
    { encoding: 'utf8', cwd: dir },
  );
  if (fetched.status !== 0) throw new Error(`mvn: ${fetched.stdout}${fetched.stderr}`);
  const payload = join(dir, 'payload.ndjson');
  writeFileSync(payload, values.map(({ value }) => Buffer.from(value).toString()).join('\n'));
  const [beforeMs, beforeS] = [clock.monotonicMs(), endedChildrenCpuS()];
  const ran = spawnSync(
    javaCommand(),
    [
      ...['-cp', `${artifacts.kafkaClasspath}:${dir}/kafka-tools-${version}.jar`],
      ...['org.apache.kafka.tools.ProducerPerformance', '--topic', 'perf', '--throughput', '-1'],
      ...['--num-records', String(values.length), '--payload-file', payload],
      ...['--command-property', `bootstrap.servers=${kafka.brokers}`, 'acks=all'],
    ],
    { encoding: 'utf8' },
  );
  const told = new RegExp(`^${values.length} records sent, ([\\d.]+) records/sec`, 'm').exec(
    ran.stdout,
  );
  if (ran.status !== 0 || !told) throw new Error(`the perf tool: ${ran.stdout}${ran.stderr}`);
  return {
    perSecond: Number(told[1]),
    wallS: (clock.monotonicMs() - beforeMs) / 1_000,
    cpuS: endedChildrenCpuS() - beforeS,
  };
}

async function measured(work: () => Promise<unknown>): Promise<Took> {
  const [beforeMs, beforeS] = [performance.now(), ownCpuS()];
  await work();
  return { wallS: (performance.now() - beforeMs) / 1_000, cpuS: ownCpuS() - beforeS };
}
