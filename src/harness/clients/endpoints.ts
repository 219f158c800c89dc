/** Where the harness finds the servers, whichever runtime started them: all on loopback. */
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
  /** What the servers call each other: what Flink is told goes by these. */
  readonly internal: {
    readonly brokers: readonly string[];
    readonly s3: string;
    readonly catalog: string;
  };
}

/** How a catalog lets one in. */
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
