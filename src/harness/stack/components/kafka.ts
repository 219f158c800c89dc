import { HOST, type Plan } from '../plan.ts';
import type { Command, Component } from './component.ts';
import { CONTROL_PLANE, DATA_PLANE, java, log4jProperties } from './jvm.ts';
import { properties } from './settings.ts';

const kafkaDir = ({ workDir }: Plan) => `${workDir}/kafka`;

function kafkaJava(
  plan: Plan,
  jvm: readonly string[],
  main: string,
  args: readonly string[],
): Command {
  return java(plan, 'kafka', {
    classPath: [plan.artifacts.kafkaClasspath],
    jvm: [
      ...jvm,
      '-XX:+ExitOnOutOfMemoryError',
      `-Dlog4j2.configurationFile=${kafkaDir(plan)}/log4j2.properties`,
    ],
    main,
    args,
  });
}

export const kafka: Component = {
  image: 'kafka',
  // With less memory Java would choose the serial collector, unlike outside of a container.
  memoryMiB: 2048,
  needs: [],
  ports: ['kafka', 'kafkaInside', 'kafkaController'],
  dirs: (plan) => [kafkaDir(plan)],
  files: (plan) => ({
    [`${kafkaDir(plan)}/server.properties`]: kafkaProperties(plan),
    [`${kafkaDir(plan)}/log4j2.properties`]: log4jProperties(),
  }),
  prepare: (plan) =>
    kafkaJava(plan, ['-Xmx128m', ...CONTROL_PLANE], 'kafka.tools.StorageTool', [
      ...['format', '--standalone', '-t', plan.secrets.clusterId],
      ...['-c', `${kafkaDir(plan)}/server.properties`],
    ]),
  command: (plan) =>
    kafkaJava(plan, ['-Xmx512m', '-Xms512m', ...DATA_PLANE[plan.jit]], 'kafka.Kafka', [
      `${kafkaDir(plan)}/server.properties`,
    ]),
  ready: () => ({ kind: 'kafka', port: 'kafka' }),
};

/** KRaft on one node: broker and controller in one process, internal topics with one replica. */
function kafkaProperties({ ports, network, workDir }: Plan): string {
  return properties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `${HOST}:${ports.kafkaController}`,
    // A client gets the advertised address of the listener that it used: the harness and the other servers
    // may use different names for the broker.
    listeners: [
      `HARNESS://${network.bind}:${ports.kafka}`,
      `SERVERS://${network.bind}:${ports.kafkaInside}`,
      `CONTROLLER://${HOST}:${ports.kafkaController}`,
    ].join(','),
    'advertised.listeners': [
      `HARNESS://${HOST}:${ports.kafka}`,
      `SERVERS://${network.names.kafka}:${ports.kafkaInside}`,
    ].join(','),
    'listener.security.protocol.map': ['HARNESS', 'SERVERS', 'CONTROLLER']
      .map((name) => `${name}:PLAINTEXT`)
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'SERVERS',
    'log.dirs': `${workDir}/kafka/data`,
    // A misspelt topic must fail, not be created with defaults.
    'auto.create.topics.enable': false,
    'log.message.timestamp.type': 'LogAppendTime',
    'log.retention.ms': -1,
    // The default of 128 MiB is a quarter of the heap; only the offsets topic is ever compacted.
    'log.cleaner.dedupe.buffer.size': 16_777_216,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'group.initial.rebalance.delay.ms': 0,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
  });
}
