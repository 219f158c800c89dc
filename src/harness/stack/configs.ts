import { BUCKET, HOST, type Plan, REGION } from './plan.ts';

/**
 * The servers' own configuration files, as text. Pure functions of the plan, so that a golden test
 * can hold them still.
 */
type Settings = Readonly<Record<string, string | number | boolean>>;

function properties(settings: Settings): string {
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** KRaft in one node: broker and controller in one process, every internal topic with one copy. */
export function kafkaProperties({ ports, network, workDir }: Plan): string {
  return properties({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `${HOST}:${ports.kafkaController}`,
    // A client is sent on to the address of the listener it came by: the harness and the other servers
    // may know the broker by different names.
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
    // A misspelt topic must fail, not come to life with defaults.
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

/** What the catalog keeps its pointers in, and how it reaches the object store. */
function catalogProperties({ ports, network, workDir }: Plan): Settings {
  return {
    'catalog-impl': 'org.apache.iceberg.jdbc.JdbcCatalog',
    uri: `jdbc:sqlite:${workDir}/catalog/catalog.db?journal_mode=WAL`,
    'jdbc.schema-version': 'V1',
    warehouse: `s3://${BUCKET}/`,
    'io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    's3.endpoint': `http://${network.names.minio}:${ports.minio}`,
    's3.path-style-access': true,
    'client.region': REGION,
  };
}

/**
 * The REST catalog as a Jetty configuration. The fixture's own main class binds every address of
 * the machine; the same servlet and catalog, put together here, listen on loopback only.
 */
export function catalogXml(plan: Plan): string {
  const entries = Object.entries(catalogProperties(plan))
    .map(([key, value]) => `<Entry><Item>${xml(key)}</Item><Item>${xml(value)}</Item></Entry>`)
    .join('\n                            ');
  return `<?xml version="1.0"?>
<!DOCTYPE Configure PUBLIC "-//Jetty//Configure//EN" "https://jetty.org/configure_10_0.dtd">
<Configure id="Server" class="org.eclipse.jetty.server.Server">
  <Call name="addConnector">
    <Arg>
      <New class="org.eclipse.jetty.server.ServerConnector">
        <Arg><Ref refid="Server"/></Arg>
        <Set name="host">${plan.network.bind}</Set>
        <Set name="port">${plan.ports.catalog}</Set>
      </New>
    </Arg>
  </Call>
  <Set name="handler">
    <New class="org.eclipse.jetty.ee10.servlet.ServletContextHandler">
      <Call name="addServlet">
        <Arg>
          <New class="org.eclipse.jetty.ee10.servlet.ServletHolder">
            <Arg>
              <New class="org.apache.iceberg.rest.RESTCatalogServlet">
                <Arg>
                  <New class="org.apache.iceberg.rest.RESTCatalogAdapter">
                    <Arg>
                      <Call class="org.apache.iceberg.CatalogUtil" name="buildIcebergCatalog">
                        <Arg>doorbuster</Arg>
                        <Arg>
                          <Map>
                            ${entries}
                          </Map>
                        </Arg>
                        <Arg><New class="org.apache.hadoop.conf.Configuration"/></Arg>
                      </Call>
                    </Arg>
                  </New>
                </Arg>
              </New>
            </Arg>
          </New>
        </Arg>
        <Arg>/*</Arg>
      </Call>
    </New>
  </Set>
</Configure>
`;
}

/** One configuration for JobManager, TaskManager and SQL Gateway. Port 0: any free one. */
export function flinkConfig({ ports, network, workDir, flink }: Plan): string {
  const { bind, names } = network;
  const settings: Settings = {
    'jobmanager.rpc.address': names['flink-jobmanager'],
    'jobmanager.rpc.port': ports.jobmanagerRpc,
    'jobmanager.bind-host': bind,
    'rest.address': names['flink-jobmanager'],
    'rest.port': ports.flinkRest,
    'rest.bind-address': bind,
    'rest.bind-port': ports.flinkRest,
    // No jar is taken by the web interface, and no page of another origin may read an answer: see ADR 20.
    'web.submit.enable': false,
    'web.access-control-allow-origin': `http://${HOST}:${ports.flinkRest}`,
    'sql-gateway.endpoint.rest.address': names['flink-gateway'],
    'sql-gateway.endpoint.rest.bind-address': bind,
    'sql-gateway.endpoint.rest.port': ports.gateway,
    'sql-gateway.endpoint.rest.bind-port': ports.gateway,
    'taskmanager.host': names['flink-taskmanager'],
    'taskmanager.bind-host': bind,
    'taskmanager.resource-id': 'taskmanager-1',
    'taskmanager.numberOfTaskSlots': flink.taskSlots,
    'taskmanager.memory.process.size': '2g',
    // State lives on the heap; managed memory only serves batch queries through the gateway.
    'taskmanager.memory.managed.size': '128m',
    'taskmanager.jvm-exit-on-oom': true,
    'execution.target': 'remote',
    'execution.checkpointing.interval': `${flink.checkpointEveryMs} ms`,
    'execution.checkpointing.dir': `file://${stateDir(workDir)}/checkpoints`,
    'execution.checkpointing.savepoint-dir': `file://${stateDir(workDir)}/savepoints`,
    // A restarting job comes back fast and never gives up by itself: whoever watches it decides.
    'restart-strategy.type': 'exponential-delay',
    'restart-strategy.exponential-delay.initial-backoff': '1 s',
    'restart-strategy.exponential-delay.max-backoff': '10 s',
    // Two busy cores can hold an answer up for longer than the default of 10 s.
    'pekko.ask.timeout': '60 s',
    'metrics.fetcher.update-interval': '2 s',
    'parallelism.default': 1,
    'io.tmp.dirs': `${workDir}/flink/tmp`,
  };
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\n`;
}

/** Where Flink keeps checkpoints and savepoints. */
export function stateDir(workDir: string): string {
  return `${workDir}/flink/state`;
}

/** Every log line on standard output, which is the server's log file, stamped in UTC. */
export function log4jProperties(quiet: readonly string[] = []): string {
  const loggers = quiet.map((name, i) => [
    [`logger.quiet${i}.name`, name],
    [`logger.quiet${i}.level`, 'WARN'],
  ]);
  return properties({
    'rootLogger.level': 'INFO',
    'rootLogger.appenderRef.out.ref': 'Console',
    'appender.out.name': 'Console',
    'appender.out.type': 'CONSOLE',
    'appender.out.layout.type': 'PatternLayout',
    'appender.out.layout.pattern': '%d{yyyy-MM-dd HH:mm:ss,SSS}{UTC} %-5p %c - %m%n',
    ...Object.fromEntries(loggers.flat()),
  });
}

function xml(value: string | number | boolean): string {
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
