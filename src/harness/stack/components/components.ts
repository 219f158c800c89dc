import type { ServerName } from '../stack.ts';
import { catalog } from './catalog.ts';
import type { Component } from './component.ts';
import { flinkGateway, flinkJobManager, flinkTaskManager } from './flink.ts';
import { kafka } from './kafka.ts';
import { minio } from './minio.ts';

/** Every server of the stack. A name without an entry does not compile. */
export const COMPONENTS: Readonly<Record<ServerName, Component>> = {
  kafka,
  minio,
  catalog,
  'flink-jobmanager': flinkJobManager,
  'flink-taskmanager': flinkTaskManager,
  'flink-gateway': flinkGateway,
};
