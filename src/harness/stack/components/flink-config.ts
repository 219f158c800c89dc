import { HOST, type Plan } from '../plan.ts';
import { flatYaml } from './settings.ts';

/** One configuration for JobManager, TaskManager and SQL Gateway. Port 0: any free one. */
export function flinkConfig({ ports, network, workDir, flink }: Plan): string {
  const { bind, names } = network;
  return flatYaml({
    'jobmanager.rpc.address': names['flink-jobmanager'],
    'jobmanager.rpc.port': ports.jobmanagerRpc,
    'jobmanager.bind-host': bind,
    'rest.address': names['flink-jobmanager'],
    'rest.port': ports.flinkRest,
    'rest.bind-address': bind,
    'rest.bind-port': ports.flinkRest,
    // The web interface accepts no jars, and pages of other origins may not read responses: see ADR 20.
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
    // State lives on the heap; managed memory only serves batch queries through the gateway. Every slot gets an equal part.
    'taskmanager.memory.managed.size': `${Math.max(128, 6 * flink.taskSlots)}m`,
    'taskmanager.jvm-exit-on-oom': true,
    'execution.target': 'remote',
    'execution.checkpointing.interval': `${flink.checkpointEveryMs} ms`,
    'execution.checkpointing.dir': `file://${stateDir(workDir)}/checkpoints`,
    'execution.checkpointing.savepoint-dir': `file://${stateDir(workDir)}/savepoints`,
    // A job restarts fast and without a limit: the harness decides when to give up.
    'restart-strategy.type': 'exponential-delay',
    'restart-strategy.exponential-delay.initial-backoff': '1 s',
    'restart-strategy.exponential-delay.max-backoff': '10 s',
    // On two busy cores a response can take longer than the default of 10 s.
    'pekko.ask.timeout': '60 s',
    'metrics.fetcher.update-interval': '2 s',
    'parallelism.default': 1,
    'io.tmp.dirs': `${workDir}/flink/tmp`,
  });
}

/** Folder of Flink's checkpoints and savepoints. */
export function stateDir(workDir: string): string {
  return `${workDir}/flink/state`;
}
