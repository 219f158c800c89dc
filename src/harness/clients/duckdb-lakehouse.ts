import { quoted } from '../../core/sql.ts';
import { type Connection, type Database, type DatabaseOptions, openDatabase } from './duckdb.ts';
import type { CatalogAuth, Endpoints } from './endpoints.ts';

/** Lets a DuckDB read the stack's bucket. Needs httpfs; holds for every connection of the database. */
export async function createS3Secret(connection: Connection, s3: Endpoints['s3']): Promise<void> {
  const { host, protocol } = new URL(s3.endpoint);
  const token = s3.sessionToken === undefined ? '' : ` SESSION_TOKEN ${quoted(s3.sessionToken)},`;
  await connection.run(
    `CREATE OR REPLACE SECRET stack (TYPE S3, KEY_ID ${quoted(s3.accessKeyId)},
       SECRET ${quoted(s3.secretAccessKey)},${token} ENDPOINT ${quoted(host)}, REGION ${quoted(s3.region)},
       URL_STYLE 'path', USE_SSL ${protocol === 'https:'})`,
  );
}

/** ATTACH options for each kind of authentication of a catalog. */
const ATTACH_AUTH: {
  readonly [K in CatalogAuth['kind']]: (auth: Extract<CatalogAuth, { kind: K }>) => string | null;
} = {
  none: () => null,
  bearer: ({ token }) => `TOKEN ${quoted(token)}`,
  oauth2: ({ id, secret, tokenUri, scope }) =>
    [
      `CLIENT_ID ${quoted(id)}, CLIENT_SECRET ${quoted(secret)}`,
      `OAUTH2_SERVER_URI ${quoted(tokenUri)}`,
      ...(scope === null ? [] : [`OAUTH2_SCOPE ${quoted(scope)}`]),
    ].join(', '),
};

/** Attaches the REST catalog as `ice`. Needs avro, httpfs, iceberg and the secret. */
async function attachCatalog(connection: Connection, catalog: Endpoints['catalog']): Promise<void> {
  const { uri, warehouse, auth } = catalog;
  const shown = (ATTACH_AUTH[auth.kind] as (auth: CatalogAuth) => string | null)(auth);
  if (shown !== null) {
    await connection.run(`CREATE OR REPLACE SECRET stack_catalog (TYPE iceberg, ${shown})`);
  }
  const how = shown === null ? `AUTHORIZATION_TYPE 'none'` : 'SECRET stack_catalog';
  await connection.run(
    `ATTACH ${quoted(warehouse)} AS ice (TYPE iceberg, ENDPOINT ${quoted(uri)}, ${how},
       ACCESS_DELEGATION_MODE 'none')`,
  );
}

/** A DuckDB in memory with the REST catalog attached as `ice`. The caller closes both. */
export async function openLakehouse(
  { s3, catalog }: Pick<Endpoints, 's3' | 'catalog'>,
  extensions: { readonly avro: string; readonly httpfs: string; readonly iceberg: string },
  limits: Pick<DatabaseOptions, 'memoryMb' | 'threads'>,
): Promise<{ readonly database: Database; readonly connection: Connection }> {
  const { avro, httpfs, iceberg } = extensions;
  const database = await openDatabase(':memory:', {
    ...limits,
    extensions: [avro, httpfs, iceberg],
  });
  try {
    const connection = await database.connect();
    await createS3Secret(connection, s3);
    await attachCatalog(connection, catalog);
    return { database, connection };
  } catch (error) {
    database.close();
    throw error;
  }
}
