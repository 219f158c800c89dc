import type { KafkaSasl } from '../../scenario/scenario.ts';

/** A Kafka cluster: its bootstrap servers, and how a client is secured. It can be cloned into another thread. */
export interface KafkaAccess {
  readonly brokers: readonly string[];
  /** Absent: without TLS and without authentication. */
  readonly security?: KafkaSecurity;
}

export interface KafkaSecurity {
  /** null: without TLS. `ca`: certificates in PEM; null: the public ones. */
  readonly tls: { readonly ca: string | null } | null;
  /** null: without authentication. */
  readonly sasl: {
    readonly mechanism: Exclude<KafkaSasl, 'none'>;
    readonly username: string;
    readonly password: string;
  } | null;
  /** Jar of Flink's Kafka connector. */
  readonly flinkConnector: 'sql' | 'plain';
}

/** Addresses of the servers for the harness: on loopback, in every runtime. */
export interface Endpoints {
  readonly kafka: KafkaAccess;
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly bucket: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    /** Of temporary keys. */
    readonly sessionToken?: string;
  };
  readonly catalog: {
    readonly uri: string;
    readonly warehouse: string;
    readonly auth: CatalogAuth;
  };
  readonly flink: { readonly rest: string; readonly gateway: string };
  /** null: there is none. `offsetFlushMs`: the setting of its worker. */
  readonly connect: { readonly rest: string; readonly offsetFlushMs: number } | null;
  /** null: there is none. */
  readonly redis: RedisAddress | null;
  /** null: there is none. */
  readonly postgres: PostgresAddress | null;
  /** Internal addresses, by which the servers reach each other; Flink's SQL uses these. */
  readonly internal: {
    readonly brokers: readonly string[];
    readonly s3: string;
    readonly catalog: string;
  };
}

/** A database, and its address for the other servers. It can be cloned into another thread. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly internal: { readonly host: string; readonly port: number };
}

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Authentication of a catalog. */
export type CatalogAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly token: string }
  | {
      readonly kind: 'oauth2';
      /** Client id and secret. */
      readonly id: string;
      readonly secret: string;
      readonly tokenUri: string;
      readonly scope: string | null;
    };
