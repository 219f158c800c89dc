import type { Endpoints } from '../../src/harness/clients/endpoints.ts';

/** Environment variables with these servers' addresses and keys, for a scenario without them. */
export function variablesOf({ kafka, flink, catalog, s3 }: Omit<Endpoints, 'internal'>) {
  return {
    DOORBUSTER_KAFKA: kafka.brokers.join(','),
    DOORBUSTER_FLINK: flink.rest,
    DOORBUSTER_GATEWAY: flink.gateway,
    DOORBUSTER_CATALOG: catalog.uri,
    DOORBUSTER_WAREHOUSE: catalog.warehouse,
    DOORBUSTER_S3: s3.endpoint,
    DOORBUSTER_S3_BUCKET: s3.bucket,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}
