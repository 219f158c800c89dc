import { SERVERS } from '../../core/metrics.ts';
import type { StackLock } from '../setup/lock.ts';
import type { Command } from './components/component.ts';
import { COMPONENTS } from './components/components.ts';
import { filesInImages } from './images.ts';
import type { Network, Plan } from './plan.ts';
import type { ServerName } from './stack.ts';

/** The data, configuration and state of all servers, on one volume in every container. */
export const WORK = '/work';

/** Each listens on all of its own addresses, and the others know it by its name. */
const ALIASES: Network = {
  bind: '0.0.0.0',
  names: Object.fromEntries(SERVERS.map((server) => [server, server])) as Network['names'],
};

/** The part of a plan that follows from running in containers. */
export function insideContainers(
  lock: StackLock,
): Pick<Plan, 'network' | 'artifacts' | 'java' | 'workDir' | 'logDir'> {
  return {
    network: ALIASES,
    artifacts: filesInImages(lock),
    java: 'java',
    workDir: WORK,
    logDir: WORK,
  };
}

/** What a server finds in its environment there. */
export function serverEnvironment(command: Command): Readonly<Record<string, string>> {
  return { HOME: WORK, TMPDIR: `${WORK}/tmp`, ...command.env };
}

/** For whoever looks at the containers from outside: the harness asks by itself. */
export function healthCheck(server: ServerName, plan: Plan): string {
  const ready = COMPONENTS[server].ready(plan);
  const port = plan.ports[ready.port];
  if (ready.kind === 'kafka') return `bash -c '</dev/tcp/127.0.0.1/${port}'`;
  const owner = SERVERS.find((one) => COMPONENTS[one].ports.includes(ready.port)) as ServerName;
  return `curl -fsS -o /dev/null http://${owner}:${port}${ready.path}`;
}
