import { join } from 'node:path';
import type { Plan } from '../plan.ts';
import type { Command, Component } from './component.ts';

/** The only user, who may do everything; the port is on loopback, and asks for no password (ADR 20). */
export const POSTGRES_USER = 'doorbuster';

/** The folder of the database cluster; initdb makes it. */
export function postgresData({ workDir }: Pick<Plan, 'workDir'>): string {
  return `${workDir}/postgres/data`;
}

/** A database with a log that change data capture can read. */
export const postgres: Component = {
  image: 'postgres',
  tool: 'postgres',
  memoryMiB: 768,
  needs: [],
  ports: ['postgres'],
  dirs: ({ workDir }) => [`${workDir}/postgres`],
  files: (plan) => ({ [accessFile(plan)]: 'host all,replication all all trust\n' }),
  prepare: (plan) =>
    program(plan, 'initdb', [
      ...['--pgdata', postgresData(plan), '--username', POSTGRES_USER, '--auth', 'trust'],
      ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync'],
    ]),
  command: (plan) =>
    program(plan, 'postgres', [
      ...['-D', postgresData(plan), '-p', `${plan.ports.postgres}`],
      ...Object.entries(settings(plan)).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ]),
  ready: () => ({ kind: 'postgres', port: 'postgres' }),
  endsBy: 'SIGINT',
};

function accessFile({ workDir }: Plan): string {
  return `${workDir}/postgres/pg_hba.conf`;
}

function program({ postgres: { dir, under } }: Plan, name: string, args: readonly string[]) {
  const [first, ...rest] = [...under, dir === null ? name : join(dir, name), ...args];
  return { program: first as string, args: rest, env: {} } satisfies Command;
}

function settings(plan: Plan): Readonly<Record<string, string | number>> {
  return {
    listen_addresses: plan.network.bind,
    unix_socket_directories: '',
    hba_file: accessFile(plan),
    timezone: 'UTC',
    log_timezone: 'UTC',
    wal_level: 'logical',
    max_replication_slots: 40,
    max_wal_senders: 40,
    // A connection that a killed client leaves behind keeps its slot until then.
    wal_sender_timeout: '10s',
    // Where nothing is durable but for the run, a crash of the machine loses it in any case; a crash of the server does not.
    shared_buffers: '128MB',
    max_wal_size: '2GB',
  };
}
