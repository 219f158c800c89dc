import type { Component } from './component.ts';

/** A hot view: everything in memory, and nothing of it written to the disk. */
export const redis: Component = {
  image: 'redis',
  tool: 'redis',
  memoryMiB: 768,
  needs: [],
  ports: ['redis'],
  dirs: ({ workDir }) => [`${workDir}/redis`],
  files: () => ({}),
  command: ({ network, ports, workDir }) => ({
    program: 'redis-server',
    args: [
      ...['--bind', network.bind, '--port', `${ports.redis}`, '--dir', `${workDir}/redis`],
      // The ports of a container are published on loopback only (ADR 20).
      ...['--protected-mode', 'no', '--daemonize', 'no'],
      ...['--save', '', '--appendonly', 'no'],
      // A full view is an error that the writer sees, never rows that vanish.
      ...['--maxmemory', '512mb', '--maxmemory-policy', 'noeviction'],
    ],
    env: {},
  }),
  ready: () => ({ kind: 'redis', port: 'redis' }),
};
