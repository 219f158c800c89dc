import { createHash, createHmac } from 'node:crypto';

/** Credentials of an object store, and the region that a signature names. */
interface Signer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** A GET without a query. `path` is percent-encoded; the names of headers are lower case, and all are signed. */
interface SignedGet {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>> & {
    /** 20261127T090000Z */
    readonly 'x-amz-date': string;
    readonly 'x-amz-content-sha256': string;
  };
}

/** The `authorization` header of a request to S3: AWS Signature Version 4. */
export function authorizationOf({ path, headers }: SignedGet, signer: Signer): string {
  const date = headers['x-amz-date'];
  const scope = [date.slice(0, 8), signer.region, 's3', 'aws4_request'];
  const names = Object.keys(headers).sort();
  const signedHeaders = names.join(';');
  const canonical = [
    'GET',
    path,
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    signedHeaders,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), digest].join('\n');
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${signer.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  const credential = `${signer.accessKeyId}/${scope.join('/')}`;
  return `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

/** A path as it is signed and sent: every character but unreserved ones and `/` is percent-encoded. */
export function encodedPath(path: string): string {
  return path.split('/').map(encoded).join('/');
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Epoch ms as `x-amz-date` writes it. */
export function amzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
