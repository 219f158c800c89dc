import { quoted } from '../../core/sql.ts';
import type { Endpoints } from '../stack/stack.ts';
import type { Connection } from './duckdb.ts';

/** Lets a DuckDB read the stack's bucket. Needs httpfs; holds for every connection of the database. */
export async function createS3Secret(connection: Connection, s3: Endpoints['s3']): Promise<void> {
  const { host, protocol } = new URL(s3.endpoint);
  await connection.run(
    `CREATE OR REPLACE SECRET stack (TYPE S3, KEY_ID ${quoted(s3.accessKeyId)},
       SECRET ${quoted(s3.secretAccessKey)}, ENDPOINT ${quoted(host)}, REGION ${quoted(s3.region)},
       URL_STYLE 'path', USE_SSL ${protocol === 'https:'})`,
  );
}

/** Attaches the REST catalog as `ice`. Needs avro, httpfs, iceberg and the secret. */
export async function attachCatalog(
  connection: Connection,
  catalog: Endpoints['catalog'],
): Promise<void> {
  await connection.run(
    `ATTACH '' AS ice (TYPE iceberg, ENDPOINT ${quoted(catalog.uri)},
       AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')`,
  );
}
