import { type Plan, REGION } from '../plan.ts';
import type { Jit, ServerName } from '../stack.ts';
import type { Command } from './component.ts';
import { properties } from './settings.ts';

/**
 * For servers with few requests per second: the C1 compiler and the serial collector start sooner and
 * leave the cores to the servers under load.
 */
export const CONTROL_PLANE = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** For servers under load: with `c1` no CPU is spent on C2 compilation, which does not pay off in a short run. */
export const DATA_PLANE: Readonly<Record<Jit, readonly string[]>> = {
  c1: ['-XX:TieredStopAtLevel=1'],
  full: [],
};

/** A JVM of this stack; its temporary files and crash logs stay in the run's folder. */
export function java(
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
      // Otherwise every JVM maps a file in the machine's temporary folder.
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

/** Credentials of the object store, in the variables of the AWS libraries. */
export function s3Environment({ secrets }: Plan): Record<string, string> {
  return {
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: secrets.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secrets.secretAccessKey,
  };
}

/** Logs to standard output, which is the server's log file, with UTC timestamps. */
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
