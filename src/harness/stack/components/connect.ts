import type { Plan } from '../plan.ts';
import type { Component } from './component.ts';
import { DATA_PLANE, java, log4jProperties, s3Environment } from './jvm.ts';
import { properties } from './settings.ts';

const connectDir = ({ workDir }: Plan) => `${workDir}/connect`;

/** Connect's own default: how often a worker commits offsets, and how often it gives a task without records a turn. */
export const OFFSET_FLUSH_MS = 60_000;

/** One worker of Kafka Connect, in distributed mode: a connector is kept in Kafka and runs again after a restart. */
export const connect: Component = {
  image: 'connect',
  memoryMiB: 1280,
  needs: ['kafka'],
  ports: ['connect'],
  dirs: (plan) => [connectDir(plan)],
  files: (plan) => ({
    [`${connectDir(plan)}/worker.properties`]: workerProperties(plan),
    [`${connectDir(plan)}/log4j2.properties`]: log4jProperties([
      'org.apache.kafka.connect.runtime.rest.RestServer',
    ]),
  }),
  command: (plan) =>
    java(plan, 'connect', {
      classPath: [plan.artifacts.connectClasspath],
      jvm: [
        ...['-Xmx640m', ...DATA_PLANE[plan.jit], '-XX:+ExitOnOutOfMemoryError'],
        `-Dlog4j2.configurationFile=${connectDir(plan)}/log4j2.properties`,
      ],
      main: 'org.apache.kafka.connect.cli.ConnectDistributed',
      args: [`${connectDir(plan)}/worker.properties`],
      // A connector has no credentials in its configuration, which the REST interface shows.
      env: s3Environment(plan),
    }),
  ready: () => ({ kind: 'http', port: 'connect', path: '/health' }),
};

function workerProperties({ artifacts, connect: own, network, ports }: Plan): string {
  const { bind, names } = network;
  const json = 'org.apache.kafka.connect.json.JsonConverter';
  return properties({
    'bootstrap.servers': `${names.kafka}:${ports.kafkaInside}`,
    'group.id': 'connect-workers',
    listeners: `http://${bind}:${ports.connect}`,
    'rest.advertised.host.name': names.connect,
    'rest.advertised.port': ports.connect,
    'plugin.path': artifacts.connectPlugins.join(','),
    // Without a scan of every class of every plugin.
    'plugin.discovery': 'service_load',
    'connector.client.config.override.policy': 'All',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': json,
    'value.converter.schemas.enable': false,
    'config.storage.topic': 'connect-configs',
    'config.storage.replication.factor': 1,
    'offset.storage.topic': 'connect-offsets',
    'offset.storage.replication.factor': 1,
    'offset.storage.partitions': 1,
    'status.storage.topic': 'connect-status',
    'status.storage.replication.factor': 1,
    'status.storage.partitions': 1,
    'offset.flush.interval.ms': own?.offsetFlushMs ?? OFFSET_FLUSH_MS,
    // The only worker gets its tasks back at once after a restart; by default it waits five minutes for others.
    'scheduled.rebalance.max.delay.ms': 0,
    'session.timeout.ms': 10_000,
  });
}
