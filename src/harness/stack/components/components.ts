import { SERVERS } from '../../../core/metrics.ts';
import type { Tool } from '../../setup/prerequisites.ts';
import type { ServerName } from '../stack.ts';
import { catalog } from './catalog.ts';
import type { Component } from './component.ts';
import { connect } from './connect.ts';
import { flinkGateway, flinkJobManager, flinkTaskManager } from './flink.ts';
import { kafka } from './kafka.ts';
import { minio } from './minio.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';

/** Every server of the stack. A name without an entry does not compile. */
export const COMPONENTS: Readonly<Record<ServerName, Component>> = {
  kafka,
  minio,
  catalog,
  'flink-jobmanager': flinkJobManager,
  'flink-taskmanager': flinkTaskManager,
  'flink-gateway': flinkGateway,
  redis,
  connect,
  postgres,
};

/** The programs that must be installed to run these servers as processes. */
export function toolsOf(servers: readonly ServerName[]): readonly Tool[] {
  return servers.flatMap((server) => COMPONENTS[server].tool ?? []);
}

/** These servers and their dependencies, dependencies first. */
export function withNeeds(servers: readonly ServerName[]): readonly ServerName[] {
  const needed = new Set(servers);
  // In SERVERS every server comes after its dependencies.
  for (const server of SERVERS.toReversed()) {
    if (needed.has(server)) for (const need of COMPONENTS[server].needs) needed.add(need);
  }
  return SERVERS.filter((server) => needed.has(server));
}
