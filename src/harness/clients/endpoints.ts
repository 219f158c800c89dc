/** Addresses of the servers for the harness: on loopback, in every runtime. */
export interface Endpoints {
  readonly kafka: { readonly brokers: readonly string[] };
  readonly s3: {
    readonly endpoint: string;
    readonly region: string;
    readonly bucket: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  readonly catalog: {
    readonly uri: string;
    readonly warehouse: string;
    readonly auth: CatalogAuth;
  };
  readonly flink: { readonly rest: string; readonly gateway: string };
  /** null: there is none. */
  readonly redis: RedisAddress | null;
  /** Internal addresses, by which the servers reach each other; Flink's SQL uses these. */
  readonly internal: {
    readonly brokers: readonly string[];
    readonly s3: string;
    readonly catalog: string;
  };
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
