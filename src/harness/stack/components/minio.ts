import { BUCKET } from '../plan.ts';
import type { Component } from './component.ts';

export const minio: Component = {
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
      // The console would listen on another port, and check for updates.
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      // The resource probe reads its counters without a token.
      MINIO_PROMETHEUS_AUTH_TYPE: 'public',
    },
  }),
  ready: () => ({ kind: 'http', port: 'minio', path: '/minio/health/ready' }),
};
