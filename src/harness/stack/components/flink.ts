import type { Plan } from '../plan.ts';
import type { ServerName } from '../stack.ts';
import type { Command, Component } from './component.ts';
import { flinkConfig, stateDir } from './flink-config.ts';
import { CONTROL_PLANE, DATA_PLANE, java, log4jProperties, s3Environment } from './jvm.ts';

/**
 * JVM options of the Flink distribution's own configuration: without them Java 17 refuses the reflection of
 * serializers and the planner.
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

const flinkDir = ({ workDir }: Plan) => `${workDir}/flink/conf`;

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

/** The JVM flags and -D options that Flink's memory calculator printed for a TaskManager. */
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

/** Identifies one start of a TaskManager: both ports change with every start. */
function addressOf({ path, dataPort }: TaskManager): string {
  return `${path} ${dataPort}`;
}

export const flinkJobManager: Component = {
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
};

export const flinkTaskManager: Component = {
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
  // It has no port for a readiness request: it is ready when the JobManager counts its slots. The
  // JobManager also counts the slots of a killed TaskManager for a while.
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
};

export const flinkGateway: Component = {
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
};
