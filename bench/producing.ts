import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { CompressionTypes, Kafka as KafkaJs, logLevel } from 'kafkajs';
import { encode } from '../src/generators/encode.ts';
import { preloadOf, storesOf } from '../src/generators/tape.ts';
import { partitionOf } from '../src/harness/clients/kafka-producer.ts';
import { startLoad } from '../src/harness/load/load.ts';
import { PACER_LIMITS } from '../src/harness/load/pacer.ts';
import { ownNamespace } from '../src/harness/run-namespace.ts';
import { javaCommand } from '../src/harness/setup/prerequisites.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import { KAFKA_CLIENTS, type KafkaClient, STREAMS } from '../src/scenario/scenario.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { endedChildrenCpuS, ownCpuS } from './cpu.ts';
import { type Kafka, startKafka } from './kafka.ts';
import { FOR_S, type SentTape, scenarioAt, sendTape } from './slip.ts';

const PARTITIONS = 4;
/** Measured so often, in turns; the median is printed. */
const ROUNDS = 3;
const PACED_PER_SECOND = 10_000;

/** Stock images of 100 stores and 1,000 SKUs: the opening stock is sent as fast as it is taken. */
const scenarioWith = (client: KafkaClient) =>
  parseScenario(
    `
name: producing
retail: { stores: 100, skus: 1000, assortment: 1000, hours: flat }
traffic: { pos: {}, inventory: {} }
stack: { partitions: ${PARTITIONS}, kafka_client: ${client} }
phases: [{ name: only, for: 10s }]
`,
    { file: 'producing' },
  ).scenario;
const scenario = scenarioWith('platformatic');
const MESSAGES = scenario.retail.stores * scenario.retail.assortment;

interface Took {
  readonly wallS: number;
  readonly cpuS: number;
}

/** Medians of what was measured in turns. */
interface ClientTook {
  readonly client: KafkaClient;
  readonly ours: Took;
  readonly bare: Took;
  readonly unpaced: SentTape;
  readonly paced: SentTape;
}

/** Our producing thread and the bare client with the same bytes, by library, and the broker's own perf tool. */
export const producing: Bench = {
  name: 'producing',
  about: 'our producing thread by client library, the bare client, paced and unpaced',
  async run(context) {
    await using kafka = await startKafka(context);
    const values = encoded();
    const bytes = values.reduce((sum, { value }) => sum + value.byteLength, 0);
    const clients = await inTurns(context, kafka, values);
    context.say("Kafka's perf tool");
    await kafka.createTopics(PARTITIONS, ['perf']);
    const perf = perfTook(context, kafka, values);
    const row = (what: string, { wallS, cpuS }: Took): BenchRow => ({
      what,
      values: {
        'events/s': MESSAGES / wallS,
        'MB/s': bytes / 1e6 / wallS,
        'events/core-s': MESSAGES / cpuS,
        'us/event': (cpuS * 1e6) / MESSAGES,
      },
    });
    const tapeRow = (what: string, { events, cpuS, p50Ms, p99Ms }: SentTape): BenchRow => ({
      what,
      values: {
        'events/core-s': events / cpuS,
        'us/event': (cpuS * 1e6) / events,
        ...(what.includes('unpaced') ? {} : { 'p50 ms': p50Ms, 'p99 ms': p99Ms }),
      },
    });
    return {
      title: `${MESSAGES} stock images of ${Math.round(bytes / MESSAGES)} bytes, acks from all, ${PARTITIONS} partitions; then ${FOR_S} s of a tape of four streams`,
      rows: [
        ...clients.flatMap(({ client, ours, bare }) => [
          row(`doorbuster, ${client}: generated, encoded, produced, noted`, ours),
          row(`bare ${client}: the same bytes, one request at a time`, bare),
        ]),
        row("Kafka's kafka-producer-perf-test: the same bytes, pipelined", perf),
        {
          what: '  by its own clock, from its first record on',
          values: { 'events/s': perf.perSecond, 'MB/s': (perf.perSecond * bytes) / MESSAGES / 1e6 },
        },
        ...clients.flatMap(({ client, unpaced, paced }) => [
          tapeRow(`doorbuster, ${client}: a tape, unpaced`, unpaced),
          tapeRow(`doorbuster, ${client}: the same, paced at ${PACED_PER_SECOND}/s`, paced),
        ]),
      ],
      ratios: [...ratiosOf(clients), ...perfRatios(clients, perf)],
      notes: [
        `medians of ${ROUNDS} rounds in which everything takes its turn`,
        'ours is idempotent and sends a header with each message, the bare clients are not and do not',
        "the perf tool's CPU time, and its time but by its own clock, include its JVM's start",
      ],
    };
  },
};

function ratiosOf(clients: readonly ClientTook[]) {
  const kafkajs = clients.find(({ client }) => client === 'kafkajs') as ClientTook;
  return clients.flatMap(({ client, ours, bare, unpaced, paced }) => [
    { name: `doorbuster / bare ${client}, events per core-second`, ratio: bare.cpuS / ours.cpuS },
    { name: `doorbuster / bare ${client}, events per second`, ratio: bare.wallS / ours.wallS },
    ...(client === 'kafkajs'
      ? []
      : [
          {
            name: `doorbuster on ${client} / bare kafkajs, events per core-second`,
            ratio: kafkajs.bare.cpuS / ours.cpuS,
          },
        ]),
    {
      name: `unpaced / paced at ${PACED_PER_SECOND}/s, CPU time of an event, ${client}`,
      ratio: unpaced.cpuS / unpaced.events / (paced.cpuS / paced.events),
    },
  ]);
}

function perfRatios(clients: readonly ClientTook[], perf: Took & { readonly perSecond: number }) {
  const [{ client, ours }] = clients as readonly [ClientTook, ...ClientTook[]];
  return [
    {
      name: `doorbuster on ${client} / perf tool by its own clock, events per second`,
      ratio: MESSAGES / ours.wallS / perf.perSecond,
    },
    {
      name: `doorbuster on ${client} / perf tool, events per core-second`,
      ratio: perf.cpuS / ours.cpuS,
    },
  ];
}

async function inTurns(
  context: BenchContext,
  kafka: Kafka,
  values: readonly Value[],
): Promise<readonly ClientTook[]> {
  const rounds: ClientTook[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const client of KAFKA_CLIENTS) {
      context.say(`round ${round} of ${ROUNDS}: ${client}`);
      const topicPrefix = `${client}-${round}-`;
      const names = [...STREAMS, 'bare'].map((name) => `${topicPrefix}${name}`);
      await kafka.createTopics(PARTITIONS, names);
      const tape = {
        ...{ topicPrefix, brokers: kafka.brokers, workers: 1 },
        scenario: scenarioAt(PACED_PER_SECOND, client),
      };
      rounds.push({
        client,
        ours: await oursTook(context, kafka, client, topicPrefix),
        bare: await BARE[client](kafka, `${topicPrefix}bare`, values),
        unpaced: await sendTape(context, { ...tape, paced: false }),
        paced: await sendTape(context, { ...tape, paced: true }),
      });
    }
  }
  return KAFKA_CLIENTS.map((client) => {
    const own = rounds.filter((round) => round.client === client);
    const of = <K extends 'ours' | 'bare' | 'unpaced' | 'paced'>(what: K): ClientTook[K] =>
      median(own.map((round) => round[what]));
    return {
      client,
      ours: of('ours'),
      bare: of('bare'),
      unpaced: of('unpaced'),
      paced: of('paced'),
    };
  });
}

/** The one in the middle by CPU time. */
function median<T extends { readonly cpuS: number }>(took: readonly T[]): T {
  return took.toSorted((a, b) => a.cpuS - b.cpuS)[took.length >> 1] as T;
}

interface Value {
  readonly store: number;
  readonly value: Uint8Array;
}

function encoded(): readonly Value[] {
  const stores = storesOf(scenario);
  return Array.from(preloadOf(scenario, stores), (event) => ({
    store: event.store,
    value: encode(event, 0),
  }));
}

async function oursTook(
  { dir, clock, signal }: BenchContext,
  kafka: Kafka,
  client: KafkaClient,
  topicPrefix: string,
): Promise<Took> {
  await using load = await startLoad({
    scenario: scenarioWith(client),
    target: { kind: 'kafka', access: kafka },
    place: { ...ownNamespace({ namespace: 'retail' }), topicPrefix },
    workers: 1,
    dir: mkdtempSync(join(dir, 'facts-')),
    runId: 'bench',
    clock,
    signal,
  });
  const took = await measured(() => load.preload());
  return took;
}

type SendBare = (kafka: Kafka, topic: string, values: readonly Value[]) => Promise<Took>;

/** The bytes by the library alone, as its documentation shows it, in batches of the same size. */
const BARE: { readonly [K in KafkaClient]: SendBare } = {
  async platformatic(kafka, topic, values) {
    const producer = new Producer({
      clientId: 'bare',
      bootstrapBrokers: [...kafka.brokers],
      acks: ProduceAcks.ALL,
    });
    try {
      return await bareTook(values, (batch) =>
        producer.send({
          messages: batch.map(({ key, value, partition }) => ({
            ...{ topic, value, partition },
            key: Buffer.from(key),
          })),
        }),
      );
    } finally {
      await producer.close();
    }
  },
  async kafkajs(kafka, topic, values) {
    const client = new KafkaJs({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });
    const producer = client.producer({
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition as number,
    });
    await producer.connect();
    try {
      return await bareTook(values, (messages) =>
        producer.send({
          ...{ topic, acks: -1, compression: CompressionTypes.None },
          messages: [...messages],
        }),
      );
    } finally {
      await producer.disconnect();
    }
  },
};

interface BareMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly partition: number;
}

async function bareTook(
  values: readonly Value[],
  send: (batch: readonly BareMessage[]) => Promise<unknown>,
): Promise<Took> {
  const parts = new Map(values.map(({ store }) => [store, partitionOf(store, PARTITIONS)]));
  return measured(async () => {
    for (let from = 0; from < values.length; from += PACER_LIMITS.batchCount) {
      await send(
        values.slice(from, from + PACER_LIMITS.batchCount).map(({ store, value }) => ({
          key: String(store),
          value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
          partition: parts.get(store) as number,
        })),
      );
    }
  });
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
