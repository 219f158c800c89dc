import { SERVERS } from '../../core/metrics.ts';
import type { StackLock } from '../setup/lock.ts';
import type { Command } from './components/component.ts';
import { COMPONENTS } from './components/components.ts';
import { filesInImages } from './images.ts';
import type { Network, Plan } from './plan.ts';
import type { ServerName } from './stack.ts';

/** Mount path of the volume with the data, configuration and state of all servers. */
export const WORK = '/work';

/** Each server listens on all of its container's addresses, and the others use its name. */
const ALIASES: Network = {
  bind: '0.0.0.0',
  names: Object.fromEntries(SERVERS.map((server) => [server, server])) as Network['names'],
};

/** The part of a plan that is specific to containers. */
export function insideContainers(
  lock: StackLock,
): Pick<Plan, 'network' | 'artifacts' | 'java' | 'postgres' | 'workDir' | 'logDir'> {
  return {
    network: ALIASES,
    artifacts: filesInImages(lock),
    java: 'java',
    postgres: { dir: null, under: [] },
    workDir: WORK,
    logDir: WORK,
  };
}

/** Environment of a server in a container. */
export function serverEnvironment(command: Command): Readonly<Record<string, string>> {
  return { HOME: WORK, TMPDIR: `${WORK}/tmp`, ...command.env };
}

/** Health check for users who inspect the containers; the harness uses its own requests. */
export function healthCheck(server: ServerName, plan: Plan): string {
  const ready = COMPONENTS[server].ready(plan);
  const port = plan.ports[ready.port];
  if (ready.kind === 'kafka') return `bash -c '</dev/tcp/127.0.0.1/${port}'`;
  if (ready.kind === 'redis') return `redis-cli -p ${port} ping | grep -q PONG`;
  if (ready.kind === 'postgres') return `pg_isready -q -h 127.0.0.1 -p ${port}`;
  const owner = SERVERS.find((one) => COMPONENTS[one].ports.includes(ready.port)) as ServerName;
  return `curl -fsS -o /dev/null http://${owner}:${port}${ready.path}`;
}
