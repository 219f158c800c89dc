import { z } from 'zod';
import { FLINK_CONNECTORS, KAFKA_SASL } from './scenario.ts';
import { strict } from './schema-terms.ts';

/** Addresses of external servers. Secrets are not part of a scenario: they come from the environment. */

const WRONG_URL = 'must be a URL like http://host:8081, with no user or password in it';
const url = (about: string) =>
  z
    .string({ error: WRONG_URL })
    .regex(/^https?:\/\/[^\s/@?#]+(\/[^\s@?#]*)?$/, { error: WRONG_URL })
    .refine((text) => URL.canParse(text), { error: WRONG_URL })
    .describe(about);
const WRONG_SERVERS = 'must be written like broker-1:9092,broker-2:9092';
const servers = (about: string) =>
  z
    .string({ error: WRONG_SERVERS })
    .regex(/^[^\s,:/@]+:\d{1,5}(,[^\s,:/@]+:\d{1,5})*$/, { error: WRONG_SERVERS })
    // A port above 65535, or an invalid host name.
    .refine((text) => text.split(',').every((server) => URL.canParse(`http://${server}`)), {
      error: WRONG_SERVERS,
    })
    .describe(about);
const word = (about: string) =>
  z
    .string()
    .regex(/^[^\s\p{Cc}@]+$/u, { error: 'must be one word' })
    .describe(about);

const file = (about: string) =>
  z
    .string()
    .regex(/^[^\p{Cc}]+$/u, { error: 'must be the path of a file' })
    .describe(about);

/** Format of addresses and names, in a scenario and in the environment. */
export const EXTERNAL_TERMS = {
  url: url(''),
  servers: servers(''),
  word: word(''),
  file: file(''),
} as const;

/** `stack.external`: absent fields come from the environment. */
export const external = strict(
  {
    kafka: servers('bootstrap servers; or DOORBUSTER_KAFKA').optional(),
    kafka_security: strict(
      {
        tls: z.boolean().default(false).describe('connections by TLS'),
        ca: file(
          'tls: PEM file with the certificate of the CA; or DOORBUSTER_KAFKA_CA; default: public CAs',
        ).optional(),
        sasl: z
          .enum(KAFKA_SASL)
          .default('none')
          .describe('mechanism; DOORBUSTER_KAFKA_USERNAME and DOORBUSTER_KAFKA_PASSWORD'),
        flink_connector: z
          .enum(FLINK_CONNECTORS)
          .default('sql')
          .describe(
            "sasl: jar of Flink's connector; sql: flink-sql-connector-kafka, which has Kafka's classes in a package of its own; plain: flink-connector-kafka with kafka-clients",
          ),
      },
      'TLS and SASL of Kafka, for this machine and for Flink',
    )
      .refine(({ tls, ca }) => tls || ca === undefined, {
        error: 'has no effect without tls: true',
        path: ['ca'],
      })
      .prefault({}),
    flink: url('REST interface of the JobManager; or DOORBUSTER_FLINK').optional(),
    gateway: url('SQL Gateway; or DOORBUSTER_GATEWAY').optional(),
    catalog: strict(
      {
        uri: url('REST catalog; or DOORBUSTER_CATALOG').optional(),
        warehouse: word('name of the warehouse in the catalog; or DOORBUSTER_WAREHOUSE').optional(),
        auth: z
          .enum(['none', 'bearer', 'oauth2'])
          .default('none')
          .describe(
            'bearer: DOORBUSTER_CATALOG_TOKEN; oauth2: DOORBUSTER_CATALOG_CREDENTIAL, an id:secret',
          ),
        token_uri: url("oauth2: URL that issues tokens; default: the catalog's own").optional(),
        scope: word('oauth2: scope requested with the token').optional(),
      },
      'the Iceberg REST catalog',
    ).prefault({}),
    s3: strict(
      {
        endpoint: url('the object store; or DOORBUSTER_S3').optional(),
        bucket: word('bucket of the warehouse; or DOORBUSTER_S3_BUCKET').optional(),
        region: word('region; or AWS_REGION; default us-east-1').optional(),
      },
      'the object store; its keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    ).prefault({}),
    inside: strict(
      {
        kafka: servers('bootstrap servers').optional(),
        catalog: url('REST catalog').optional(),
        s3: url('object store').optional(),
      },
      'internal addresses: used by Flink, where they differ from those of this machine',
    ).prefault({}),
    prefix: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,31}$/, { error: 'must be lower-case letters, digits and _' })
      .default('doorbuster')
      .describe('prefix of the names of topics, groups, jobs and the namespace'),
  },
  'addresses of external clusters, for runtime: external',
);
