import type { CatalogAuth, Endpoints, KafkaAccess } from './endpoints.ts';
import { jaasQuoted } from './kafka-security.ts';

/** Catalog properties of Iceberg's Java library, without the keys of the object store. */
export function catalogProperties(
  { warehouse, auth }: Pick<Endpoints['catalog'], 'warehouse' | 'auth'>,
  at: { readonly catalog: string; readonly s3: string; readonly region: string },
): Readonly<Record<string, string>> {
  return {
    uri: at.catalog,
    warehouse,
    'io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    's3.endpoint': at.s3,
    's3.path-style-access': 'true',
    'client.region': at.region,
    ...(SHOWN[auth.kind] as (auth: CatalogAuth) => Readonly<Record<string, string>>)(auth),
  };
}

const SHOWN: {
  readonly [K in CatalogAuth['kind']]: (
    auth: Extract<CatalogAuth, { kind: K }>,
  ) => Readonly<Record<string, string>>;
} = {
  none: () => ({}),
  bearer: ({ token }) => ({ token }),
  oauth2: ({ id, secret, tokenUri, scope }) => ({
    credential: `${id}:${secret}`,
    'oauth2-server-uri': tokenUri,
    ...(scope === null ? {} : { scope }),
  }),
};

/**
 * Removes secrets from a text: an engine that rejects a statement quotes it. To be called on the whole text, before it is
 * cut.
 */
export function withoutSecrets(
  text: string,
  {
    s3,
    kafka,
    catalog: { auth },
  }: {
    readonly s3?: Endpoints['s3'];
    readonly kafka?: KafkaAccess;
    readonly catalog: Pick<Endpoints['catalog'], 'auth'>;
  },
): string {
  const secrets = [
    ...(s3 === undefined ? [] : [s3.secretAccessKey, s3.sessionToken ?? '']),
    ...passwordsOf(kafka),
    ...(auth.kind === 'bearer' ? [auth.token] : []),
    ...(auth.kind === 'oauth2' ? [auth.secret] : []),
  ];
  // In a statement a quote is doubled.
  const quoted = secrets.flatMap((one) => [one, one.replaceAll("'", "''")]);
  // Longer secrets first, because they may contain shorter ones.
  quoted.sort((a, b) => b.length - a.length);
  return quoted.reduce((seen, one) => (one === '' ? seen : seen.replaceAll(one, '***')), text);
}

/** The password of a cluster, and its form in a JAAS configuration. */
function passwordsOf(kafka: KafkaAccess | undefined): readonly string[] {
  const password = kafka?.security?.sasl?.password;
  return password === undefined ? [] : [password, jaasQuoted(password)];
}
