import { catalogXml, flinkConfig, kafkaProperties, log4jProperties, stateDir } from './configs.ts';
import { BUCKET, type Plan, type PortName, REGION } from './plan.ts';
import type { Jit, ServerName } from './stack.ts';

/** A program with its arguments, and what it finds in its environment besides the common part. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * When a server counts as ready: `says` judges the body of a 200. Of one that is started again, `earlier` is
 * the body that said so before: another server may go on answering for the one that has ended.
 */
export type Readiness =
  | {
      readonly kind: 'http';
      readonly port: PortName;
      readonly path: string;
      readonly says?: (body: string, earlier: string | null) => boolean;
    }
  | { readonly kind: 'kafka'; readonly port: PortName };

/** The targets of docker/Dockerfile. */
export type Image = 'kafka' | 'minio' | 'catalog' | 'flink' | 'spark';

/** A server as data: what it needs, where it listens, what it reads and how it starts. */
interface Service {
  /** The image it comes in, where it runs in a container. */
  readonly image: Image;
  /** All that it may take there, MiB. */
  readonly memoryMiB: number;
  /** Servers that must be ready before this one is started. */
  readonly needs: readonly ServerName[];
  readonly ports: readonly PortName[];
  /** Folders that must exist, and files by path. */
  dirs(plan: Plan): readonly string[];
  files(plan: Plan): Readonly<Record<string, string>>;
  /** A command that runs to its end first; what it prints is handed to `command`. */
  prepare?(plan: Plan): Command;
  command(plan: Plan, prepared: string): Command;
  ready(plan: Plan): Readiness;
}

/**
 * What the Flink distribution's own configuration gives every JVM: without it Java 17 refuses the
 * reflection that serializers and the planner do.
 */
const FLINK_MODULE_ACCESS = [
  ...[
    'java.base/sun.net.util',
    'java.rmi/sun.rmi.registry',
    'jdk.compiler/com.sun.tools.javac.api',
    'jdk.compiler/com.sun.tools.javac.file',
    'jdk.compiler/com.sun.tools.javac.parser',
    'jdk.compiler/com.sun.tools.javac.tree',
    'jdk.compiler/com.sun.tools.javac.util',
    'java.security.jgss/sun.security.krb5',
  ].map((name) => `--add-exports=${name}=ALL-UNNAMED`),
  ...[
    'java.lang',
    'java.net',
    'java.io',
    'java.nio',
    'sun.nio.ch',
    'java.lang.reflect',
    'java.text',
    'java.time',
    'java.util',
    'java.util.concurrent',
    'java.util.concurrent.atomic',
    'java.util.concurrent.locks',
  ].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
];

/**
 * For servers that answer a few requests per second: the quick compiler and the plain collector
 * start sooner and leave the cores to those under load.
 */
const CONTROL_PLANE = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** For servers under load: with `c1` no core is spent on compiling anew what a short run leaves soon. */
const DATA_PLANE: Readonly<Record<Jit, readonly string[]>> = {
  c1: ['-XX:TieredStopAtLevel=1'],
  full: [],
};

function java(
  { java: javaProgram, workDir, logDir }: Plan,
  server: ServerName,
  options: {
    readonly classPath: readonly string[];
    readonly jvm: readonly string[];
    readonly main: string;
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  },
): Command {
  return {
    program: javaProgram,
    args: [
      ...options.jvm,
      `-Djava.io.tmpdir=${workDir}/tmp`,
      // Otherwise every JVM maps a file in the machine's own temporary folder.
      '-XX:+PerfDisableSharedMem',
      `-XX:ErrorFile=${logDir}/${server}.crash.log`,
      '-cp',
      options.classPath.join(':'),
      options.main,
      ...(options.args ?? []),
    ],
    env: options.env ?? {},
  };
}

function s3Environment({ secrets }: Plan): Record<string, string> {
  return {
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: secrets.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secrets.secretAccessKey,
  };
}

const kafkaDir = ({ workDir }: Plan) => `${workDir}/kafka`;
const flinkDir = ({ workDir }: Plan) => `${workDir}/flink/conf`;

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

function flinkJava(
  plan: Plan,
  server: ServerName,
  main: string,
  jvm: readonly string[],
  args: readonly string[] = [],
): Command {
  const { flinkClasspath, sqlGatewayJar } = plan.artifacts;
  return java(plan, server, {
    classPath: [...flinkClasspath, ...(server === 'flink-gateway' ? [sqlGatewayJar] : [])],
    jvm: [
      ...jvm,
      ...FLINK_MODULE_ACCESS,
      `-Dlog4j.configurationFile=${flinkDir(plan)}/log4j2.properties`,
    ],
    main,
    args,
    env: { ...s3Environment(plan), FLINK_CONF_DIR: flinkDir(plan) },
  });
}

const flinkFiles = (plan: Plan) => ({
  [`${flinkDir(plan)}/config.yaml`]: flinkConfig(plan),
  [`${flinkDir(plan)}/log4j2.properties`]: log4jProperties(['org.apache.kafka.clients']),
});
const flinkDirs = (plan: Plan) => [
  flinkDir(plan),
  `${plan.workDir}/flink/tmp`,
  stateDir(plan.workDir),
];

const PARAMETERS = 'BASH_JAVA_UTILS_EXEC_RESULT:';

/** The JVM flags and the -D options that Flink's own calculator printed for a TaskManager. */
export function taskManagerParameters(printed: string): {
  readonly jvm: readonly string[];
  readonly args: readonly string[];
} {
  const lines = printed.split('\n').filter((line) => line.startsWith(PARAMETERS));
  const [jvm, args] = lines.map((line) => line.slice(PARAMETERS.length).trim().split(/\s+/));
  if (jvm === undefined || args === undefined) {
    throw new Error(`Flink's calculator printed no TaskManager memory: ${printed.slice(-500)}`);
  }
  return { jvm, args };
}

interface TaskManager {
  readonly path: string;
  readonly dataPort: number;
  readonly slotsNumber: number;
}

function taskManagers(body: string): readonly TaskManager[] {
  return JSON.parse(body).taskmanagers;
}

/** Both ports are drawn anew with every start. */
function addressOf({ path, dataPort }: TaskManager): string {
  return `${path} ${dataPort}`;
}

/** Every server of the stack. A name without an entry does not compile. */
export const SERVICES: Readonly<Record<ServerName, Service>> = {
  kafka: {
    image: 'kafka',
    // With less, Java would take its plain collector and not the one that it takes outside.
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
  },

  minio: {
    image: 'minio',
    memoryMiB: 1536,
    needs: [],
    ports: ['minio'],
    // A folder of the data folder is a bucket.
    dirs: ({ workDir }) => [`${workDir}/minio/data/${BUCKET}`, `${workDir}/minio/certs`],
    files: () => ({}),
    command: ({ artifacts, network, ports, secrets, workDir }) => ({
      program: artifacts.minio,
      args: [
        ...['server', `${workDir}/minio/data`, '--address', `${network.bind}:${ports.minio}`],
        ...['--certs-dir', `${workDir}/minio/certs`],
      ],
      env: {
        MINIO_ROOT_USER: secrets.accessKeyId,
        MINIO_ROOT_PASSWORD: secrets.secretAccessKey,
        // The console would listen on a port of its own, and updates would be looked for.
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
        // The resource probe reads its counters without a token.
        MINIO_PROMETHEUS_AUTH_TYPE: 'public',
      },
    }),
    ready: () => ({ kind: 'http', port: 'minio', path: '/minio/health/ready' }),
  },

  catalog: {
    image: 'catalog',
    memoryMiB: 768,
    needs: ['minio'],
    ports: ['catalog'],
    dirs: ({ workDir }) => [`${workDir}/catalog`],
    files: (plan) => ({ [`${plan.workDir}/catalog/jetty.xml`]: catalogXml(plan) }),
    command: (plan) =>
      java(plan, 'catalog', {
        classPath: [plan.artifacts.catalogClasspath],
        jvm: [
          '-Xmx384m',
          '-XX:+ExitOnOutOfMemoryError',
          ...CONTROL_PLANE,
          '-Dorg.slf4j.simpleLogger.showDateTime=true',
          '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS',
        ],
        main: 'org.eclipse.jetty.xml.XmlConfiguration',
        args: [`${plan.workDir}/catalog/jetty.xml`],
        env: s3Environment(plan),
      }),
    ready: () => ({ kind: 'http', port: 'catalog', path: '/v1/config' }),
  },

  'flink-jobmanager': {
    image: 'flink',
    memoryMiB: 1152,
    needs: ['minio'],
    ports: ['jobmanagerRpc', 'flinkRest'],
    dirs: flinkDirs,
    files: flinkFiles,
    command: (plan) =>
      flinkJava(
        plan,
        'flink-jobmanager',
        'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint',
        ['-Xmx512m', '-XX:MaxMetaspaceSize=256m', '-XX:+ExitOnOutOfMemoryError', ...CONTROL_PLANE],
        ['--configDir', flinkDir(plan)],
      ),
    ready: () => ({ kind: 'http', port: 'flinkRest', path: '/overview' }),
  },

  'flink-taskmanager': {
    image: 'flink',
    memoryMiB: 2304,
    needs: ['flink-jobmanager'],
    ports: [],
    dirs: flinkDirs,
    files: flinkFiles,
    prepare: (plan) => ({
      program: plan.java,
      args: [
        ...['-Xmx128m', ...CONTROL_PLANE, '-cp'],
        `${plan.artifacts.bashJavaUtils}:${plan.artifacts.flinkLib}/*`,
        'org.apache.flink.runtime.util.bash.BashJavaUtils',
        ...['GET_TM_RESOURCE_PARAMS', '--configDir', flinkDir(plan)],
      ],
      env: {},
    }),
    command(plan, prepared) {
      const { jvm, args } = taskManagerParameters(prepared);
      return flinkJava(
        plan,
        'flink-taskmanager',
        'org.apache.flink.runtime.taskexecutor.TaskManagerRunner',
        [...jvm, ...DATA_PLANE[plan.jit]],
        ['--configDir', flinkDir(plan), ...args],
      );
    },
    // It has no port of its own to ask: it is ready when the JobManager counts its slots, and goes on
    // to count those of one that was killed for a while.
    ready: ({ flink }) => ({
      kind: 'http',
      port: 'flinkRest',
      path: '/taskmanagers',
      says(body, earlier) {
        const gone = earlier === null ? [] : taskManagers(earlier).map(addressOf);
        return taskManagers(body).some(
          (one) => one.slotsNumber === flink.taskSlots && !gone.includes(addressOf(one)),
        );
      },
    }),
  },

  'flink-gateway': {
    image: 'flink',
    memoryMiB: 1152,
    needs: ['flink-jobmanager'],
    ports: ['gateway'],
    dirs: flinkDirs,
    files: flinkFiles,
    command: (plan) =>
      flinkJava(plan, 'flink-gateway', 'org.apache.flink.table.gateway.SqlGateway', [
        ...['-Xmx512m', '-XX:+ExitOnOutOfMemoryError'],
        ...CONTROL_PLANE,
      ]),
    ready: () => ({ kind: 'http', port: 'gateway', path: '/v1/info' }),
  },
};
