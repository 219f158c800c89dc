import { stringify } from 'yaml';
import type { StackLock } from '../setup/lock.ts';
import { baseImage } from './build-context.ts';
import type { Command, Image } from './components/component.ts';
import { COMPONENTS } from './components/components.ts';
import { postgresData } from './components/postgres.ts';
import { type ImageTags, imageTags } from './images.ts';
import { healthCheck, insideContainers, serverEnvironment, WORK } from './inside-containers.ts';
import { HOST, type Plan, type Ports } from './plan.ts';
import type { ServerName } from './stack.ts';

/** The customary ports of these servers; a run uses free ports instead. */
const CUSTOMARY_PORTS: Ports = {
  kafka: 9092,
  kafkaInside: 29092,
  kafkaController: 9093,
  minio: 9000,
  catalog: 8181,
  jobmanagerRpc: 6123,
  flinkRest: 8081,
  gateway: 8083,
  redis: 6379,
  connect: 8084,
  postgres: 5432,
};
const MINIO_CONSOLE = 9001;

/** Published ports by server, for users of this machine. */
const PUBLISHED_PORTS: Readonly<Record<ServerName, readonly number[]>> = {
  kafka: [CUSTOMARY_PORTS.kafka],
  minio: [CUSTOMARY_PORTS.minio, MINIO_CONSOLE],
  catalog: [CUSTOMARY_PORTS.catalog],
  'flink-jobmanager': [CUSTOMARY_PORTS.flinkRest],
  'flink-taskmanager': [],
  'flink-gateway': [CUSTOMARY_PORTS.gateway],
  redis: [CUSTOMARY_PORTS.redis],
  connect: [CUSTOMARY_PORTS.connect],
  postgres: [CUSTOMARY_PORTS.postgres],
};

/** Fixed credentials, which are no secret because the ports are published on loopback only. */
const FIXED_SECRETS = {
  accessKeyId: 'doorbuster',
  secretAccessKey: 'doorbuster-on-loopback',
  clusterId: 'doorbuster-compose-000',
};

const RESULT = 'BASH_JAVA_UTILS_EXEC_RESULT:';

/**
 * A compose file of the servers that a run would start, on the customary ports and with MinIO's console, for users who
 * want to keep them running and explore. It is self-contained: each container writes its configuration files at its
 * start. `servers` have their dependencies first. `root` is doorbuster's folder, from which images are built.
 */
export function composeFile(lock: StackLock, root: string, servers: readonly ServerName[]): string {
  const plan: Plan = {
    ...insideContainers(lock),
    servers,
    ports: CUSTOMARY_PORTS,
    secrets: FIXED_SECRETS,
    jit: 'full',
    flink: { taskSlots: 20, checkpointEveryMs: 5_000 },
  };
  const images = imageTags(lock);
  const services = servers.map((server) => [server, composed(server, plan, images, root)]);
  const file = { services: Object.fromEntries(services), volumes: { work: null } };
  // Compose reads YAML 1.1, where an unquoted `on` is a boolean.
  return `${head()}${stringify(file, { version: '1.1', lineWidth: 0, nullStr: '' })}`;
}

const head = () => `# The servers of a doorbuster run, for docker compose:
#
#   docker compose up -d --wait     ${composeBuilds() ? 'builds the images with the first use' : 'once `doorbuster up` has built the images'}
#   docker compose down -v          removes everything, data included
#
# On loopback only. Flink requires no password: end the servers when you do not use them (docs/adr/020-*.md).
#
# Flink http://127.0.0.1:${CUSTOMARY_PORTS.flinkRest} · MinIO http://127.0.0.1:${MINIO_CONSOLE} (${FIXED_SECRETS.accessKeyId} / ${FIXED_SECRETS.secretAccessKey})
# Kafka 127.0.0.1:${CUSTOMARY_PORTS.kafka} · catalog http://127.0.0.1:${CUSTOMARY_PORTS.catalog} · SQL Gateway http://127.0.0.1:${CUSTOMARY_PORTS.gateway}
`;

function composed(server: ServerName, plan: Plan, images: ImageTags, root: string) {
  const service = COMPONENTS[server];
  const command = commandOf(server, plan);
  const needs = service.needs.map((need) => [need, { condition: 'service_healthy' }]);
  const dollarsDoubled = (text: string) => text.replaceAll('$', '$$$$');
  return {
    image: images[service.image],
    ...(composeBuilds() ? { build: buildOf(service.image, root) } : {}),
    command: ['sh', '-ec', dollarsDoubled(script(server, plan, command))],
    environment: serverEnvironment(command),
    ...(needs.length > 0 ? { depends_on: Object.fromEntries(needs) } : {}),
    ports: PUBLISHED_PORTS[server].map((port) => `${HOST}:${port}:${port}`),
    volumes: [`work:${WORK}`],
    mem_limit: `${service.memoryMiB}m`,
    healthcheck: {
      test: ['CMD-SHELL', dollarsDoubled(healthCheck(server, plan))],
      interval: '5s',
      timeout: '5s',
      retries: 24,
    },
  };
}

/** Whether compose can build the images: it only has doorbuster's folder, without certificates and settings from elsewhere. */
function composeBuilds(): boolean {
  return !process.env.DOORBUSTER_EXTRA_CA && !process.env.DOORBUSTER_EXTRA_HOME;
}

/** The base image is part of the image's tag, so it is a build argument. */
function buildOf(target: Image, context: string) {
  return { context, dockerfile: 'docker/Dockerfile', target, args: { BASE: baseImage() } };
}

/** The server's command line, with options for interactive use. */
function commandOf(server: ServerName, plan: Plan): Command {
  const command = COMPONENTS[server].command(plan, `${RESULT}$jvm\n${RESULT}$options`);
  if (server !== 'minio') return command;
  return {
    ...command,
    args: [...command.args, '--console-address', `${plan.network.bind}:${MINIO_CONSOLE}`],
    env: { ...command.env, MINIO_BROWSER: 'on' },
  };
}

/** A shell script for what a runtime does to start a server: folders, files, preparation, start. */
function script(server: ServerName, plan: Plan, command: Command): string {
  const { dirs, files, prepare } = COMPONENTS[server];
  const written = Object.entries(files(plan)).map(
    ([path, text]) => `cat > ${path} <<'END_OF_FILE'\n${text.trimEnd()}\nEND_OF_FILE`,
  );
  return [
    `mkdir -p ${[`${WORK}/tmp`, ...dirs(plan)].join(' ')}`,
    ...written,
    ...(prepare ? [prepared(server, plan, shellLine(prepare(plan)))] : []),
    `exec ${shellLine(command)}`,
  ].join('\n');
}

function prepared(server: ServerName, plan: Plan, line: string): string {
  // After a restart the stack has its data.
  if (server === 'kafka') return `${line} --ignore-formatted`;
  if (server === 'postgres') return `[ -e ${postgresData(plan)}/PG_VERSION ] || ${line}`;
  return [
    `printed=$(${line} | sed -n 's/^${RESULT}//p')`,
    `jvm=$(echo "$printed" | sed -n 1p)`,
    `options=$(echo "$printed" | sed -n 2p)`,
  ].join('\n');
}

/** A command line quoted for a shell, except for the two words that the shell must split. */
function shellLine({ program, args }: Command): string {
  const word = (text: string) =>
    /^([\w@%+=:,./-]+|\$jvm|\$options)$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  return [program, ...args].map(word).join(' ');
}
