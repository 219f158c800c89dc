import type { Endpoints } from '../clients/endpoints.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { OFFSET_FLUSH_MS } from './components/connect.ts';
import { POSTGRES_USER } from './components/postgres.ts';
import { BUCKET, HOST, type Plan, REGION } from './plan.ts';

/** Versions of the servers, and of what doorbuster puts into them. */
export function serverVersions({
  versions: of,
}: Pick<Artifacts, 'versions'>): Readonly<Record<string, string>> {
  const { kafka, minio, catalog, flink, lakehouse } = of;
  const { connect } = of;
  const functions = of['flink-functions'];
  const sink = of['connect-iceberg'];
  const versions = {
    kafka,
    minio,
    catalog,
    flink,
    iceberg: lakehouse,
    'flink-functions': functions,
    connect,
    'connect-iceberg': sink,
  };
  return Object.fromEntries(
    Object.entries(versions).flatMap(([name, version]) => (version ? [[name, version]] : [])),
  );
}

/** Where the harness finds the servers of a plan. */
export function endpointsOf(plan: Plan): Endpoints {
  const { servers, ports, network, secrets } = plan;
  const { names } = network;
  return {
    kafka: { brokers: [`${HOST}:${ports.kafka}`] },
    s3: {
      endpoint: `http://${HOST}:${ports.minio}`,
      region: REGION,
      bucket: BUCKET,
      accessKeyId: secrets.accessKeyId,
      secretAccessKey: secrets.secretAccessKey,
    },
    catalog: {
      uri: `http://${HOST}:${ports.catalog}`,
      warehouse: `s3://${BUCKET}/`,
      auth: { kind: 'none' },
    },
    flink: {
      rest: `http://${HOST}:${ports.flinkRest}`,
      gateway: `http://${HOST}:${ports.gateway}`,
    },
    connect: servers.includes('connect')
      ? {
          rest: `http://${HOST}:${ports.connect}`,
          offsetFlushMs: plan.connect?.offsetFlushMs ?? OFFSET_FLUSH_MS,
        }
      : null,
    redis: servers.includes('redis') ? { host: HOST, port: ports.redis } : null,
    postgres: servers.includes('postgres')
      ? {
          ...{ host: HOST, port: ports.postgres, user: POSTGRES_USER, database: 'postgres' },
          internal: { host: names.postgres, port: ports.postgres },
        }
      : null,
    internal: {
      brokers: [`${names.kafka}:${ports.kafkaInside}`],
      s3: `http://${names.minio}:${ports.minio}`,
      catalog: `http://${names.catalog}:${ports.catalog}`,
    },
  };
}
