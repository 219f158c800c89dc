import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NO_EXTENSIONS } from '../../../../test/support/no-extensions.ts';
import { SERVERS } from '../../../core/metrics.ts';
import type { Artifacts } from '../../setup/artifacts.ts';
import { HOST, LOOPBACK, type Plan, PORTS, type Ports } from '../plan.ts';
import { COMPONENTS, withNeeds } from './components.ts';
import { taskManagerParameters } from './flink.ts';

const artifacts: Artifacts = {
  kafkaClasspath: '/cache/kafka/lib/*',
  flinkLib: '/cache/flink/lib',
  bashJavaUtils: '/cache/flink/bin/bash-java-utils.jar',
  flinkClasspath: ['/cache/flink/lib/flink-dist.jar', '/cache/lakehouse/lib/iceberg.jar'],
  sqlGatewayJar: '/cache/flink-sql/lib/flink-sql-gateway.jar',
  catalogClasspath: '/cache/catalog/lib/*',
  minio: '/cache/minio/minio',
  duckdbExtensions: NO_EXTENSIONS,
  sparkClasspath: '',
  sparkMergeClasspath: '',
  connectClasspath: '/cache/connect/lib/*',
  connectPlugins: ['/cache/connect-iceberg', '/cache/connect-debezium'],
  trinoClasspath: '',
  trinoIceberg: '',
  classArchives: '/cache/class-archives',
  versions: {},
};

const plan: Plan = {
  servers: SERVERS,
  artifacts,
  java: '/jdk/bin/java',
  postgres: { dir: '/pg/bin', under: ['unshare', '--user'] },
  workDir: '/run/work',
  logDir: '/run/logs',
  ports: Object.fromEntries(PORTS.map((name, i) => [name, 20_001 + i])) as Ports,
  network: LOOPBACK,
  secrets: { accessKeyId: 'key', secretAccessKey: 'secret', clusterId: 'd123456789012345678901' },
  jit: 'full',
  flink: { taskSlots: 6, checkpointEveryMs: 2_000 },
  connect: { offsetFlushMs: 1_000 },
};

const PRINTED = [
  'INFO  [] - Loading configuration property: taskmanager.host, 127.0.0.1',
  'BASH_JAVA_UTILS_EXEC_RESULT:-Xmx1024 -XX:MaxMetaspaceSize=268435456',
  'BASH_JAVA_UTILS_EXEC_RESULT:-D taskmanager.cpu.cores=6.0 -D taskmanager.memory.network.max=1b',
  '',
].join('\n');

describe('the servers as data', () => {
  it('come after everything they need', () => {
    for (const [at, server] of SERVERS.entries()) {
      for (const need of COMPONENTS[server].needs) {
        expect(SERVERS.indexOf(need), `${server} needs ${need}`).toBeLessThan(at);
      }
    }
  });

  it('come with what they need, and with what that needs', () => {
    expect(withNeeds([])).toEqual([]);
    expect(withNeeds(['kafka'])).toEqual(['kafka']);
    expect(withNeeds(['catalog'])).toEqual(['minio', 'catalog']);
    expect(withNeeds(['flink-gateway', 'kafka'])).toEqual([
      ...['kafka', 'minio', 'flink-jobmanager', 'flink-gateway'],
    ]);
    expect(withNeeds(SERVERS)).toEqual(SERVERS);
  });

  it('take every port once', () => {
    const taken = SERVERS.flatMap((server) => COMPONENTS[server].ports);
    expect(taken.toSorted()).toEqual([...PORTS].sort());
  });

  it.each(SERVERS)('%s starts and is configured as golden', async (server) => {
    const component = COMPONENTS[server];
    const text = [
      ...(component.prepare ? ['# prepare', shown(component.prepare(plan))] : []),
      '# command',
      shown(component.command(plan, PRINTED)),
      '# ready',
      JSON.stringify(component.ready(plan)),
      ...Object.entries(component.files(plan)).flatMap(([path, body]) => [`# ${path}`, body]),
    ].join('\n');
    await expect(`${text.trimEnd()}\n`).toMatchFileSnapshot(golden(`${server}.txt`));
  });

  it.each(SERVERS)('%s names no address but loopback', (server) => {
    const component = COMPONENTS[server];
    const text = [
      ...Object.values(component.files(plan)),
      shown(component.command(plan, PRINTED)),
    ].join('\n');
    const addresses = text.match(/\b\d{1,3}(\.\d{1,3}){3}\b/g) ?? [];
    for (const address of addresses) expect(address).toBe(HOST);
    expect(text).not.toContain('localhost');
  });
});

describe("a TaskManager's memory", () => {
  it('is taken from what the calculator printed', () => {
    expect(taskManagerParameters(PRINTED)).toEqual({
      jvm: ['-Xmx1024', '-XX:MaxMetaspaceSize=268435456'],
      args: ['-D', 'taskmanager.cpu.cores=6.0', '-D', 'taskmanager.memory.network.max=1b'],
    });
  });

  it('is an error when it printed none', () => {
    expect(() => taskManagerParameters('Exception in thread "main"')).toThrow(/no TaskManager/);
  });
});

function shown(command: { program: string; args: readonly string[]; env: object }): string {
  return [command.program, ...command.args, JSON.stringify(command.env)].join('\n  ');
}

function golden(name: string): string {
  return join(import.meta.dirname, '../../../../test/golden/stack', name);
}
