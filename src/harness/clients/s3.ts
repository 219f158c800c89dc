import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import aws4 from 'aws4';
import { isLocal, localGet } from './local-http.ts';

/** Address and credentials of a bucket; `Endpoints['s3']` of a stack has them. */
interface BucketAccess {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary keys. */
  readonly sessionToken?: string;
}

interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** One bucket of the object store. Keys may also be given as `s3://bucket/key`. */
export interface Bucket extends Disposable {
  put(key: string, body: Uint8Array | string): Promise<void>;
  /** Puts an object unless there is one with this key already; of several writers one gets `true`. */
  putNew(key: string, body: string): Promise<boolean>;
  get(key: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** The object, or null when there is none. */
  find(key: string, signal?: AbortSignal): Promise<Uint8Array | null>;
  /** Removes an object; one that is gone is no error. */
  remove(key: string): Promise<void>;
  /** Whether the endpoint is an object store with this bucket; rejects with the store's own reason if not. */
  answers(signal: AbortSignal): Promise<boolean>;
  /** Size in bytes, or null when there is no such object. */
  size(key: string): Promise<number | null>;
  /** Every object whose key starts with `prefix`, in the store's (lexical) order. */
  list(prefix?: string): AsyncGenerator<StoredObject>;
  /** Removes every object whose key starts with `prefix`, which may not be empty; returns their number. */
  removeAll(prefix: string): Promise<number>;
  close(): void;
}

/** Opens a bucket; sends nothing yet. */
export function openBucket(access: BucketAccess): Bucket {
  const { bucket: Bucket } = access;
  // The SDK is pinned: its advice to use a later Node concerns developers, not users.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const client = new S3Client({
    endpoint: access.endpoint,
    region: access.region,
    forcePathStyle: true,
    credentials: keysOf(access),
  });
  const getObject = async (key: string, abortSignal?: AbortSignal) => {
    const command = new GetObjectCommand({ Bucket, Key: keyIn(Bucket, key) });
    const { Body } = await client.send(command, abortSignal ? { abortSignal } : {});
    if (Body === undefined) throw new Error(`the object store sent no body for ${key}`);
    return Body.transformToByteArray();
  };
  return {
    async put(key, Body) {
      await client.send(new PutObjectCommand({ Bucket, Key: keyIn(Bucket, key), Body }));
    },
    async putNew(key, Body) {
      const command = new PutObjectCommand({
        ...{ Bucket, Key: keyIn(Bucket, key), Body, IfNoneMatch: '*' },
      });
      try {
        await client.send(command);
        return true;
      } catch (error) {
        if (isAbout(error, 'PreconditionFailed')) return false;
        throw error;
      }
    },
    get: async (key, abortSignal) =>
      (await localObject(access, keyIn(Bucket, key), abortSignal)) ?? getObject(key, abortSignal),
    async find(key, abortSignal) {
      const local = await localAnswer(access, keyIn(Bucket, key), abortSignal);
      if (local?.status === 200) return local.body;
      if (local?.status === 404) return null;
      try {
        return await getObject(key, abortSignal);
      } catch (error) {
        if (isAbout(error, 'NoSuchKey')) return null;
        throw error;
      }
    },
    async remove(key) {
      await client.send(new DeleteObjectCommand({ Bucket, Key: keyIn(Bucket, key) }));
    },
    async answers(abortSignal) {
      const command = new ListObjectsV2Command({ Bucket, MaxKeys: 1 });
      const page = await client.send(command, { abortSignal });
      // Any successful HTML page would parse as an empty list.
      return page.Name === Bucket;
    },
    async size(key) {
      try {
        const head = await client.send(new HeadObjectCommand({ Bucket, Key: keyIn(Bucket, key) }));
        return head.ContentLength ?? null;
      } catch (error) {
        if (isAbout(error, 'NotFound')) return null;
        throw error;
      }
    },
    list: (prefix) => list(client, Bucket, prefix && keyIn(Bucket, prefix)),
    removeAll: (prefix) => removeAll(client, Bucket, keyIn(Bucket, prefix)),
    close: () => client.destroy(),
    [Symbol.dispose]: () => client.destroy(),
  };
}

function keysOf({ accessKeyId, secretAccessKey, sessionToken }: BucketAccess) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/**
 * An object of a store on this machine, without the SDK, which takes 3 ms of CPU time for it, and the census requests
 * several objects per commit. null: the store is elsewhere, or gave no object. Then the SDK requests it, with its retries
 * and its errors.
 */
export async function localObject(
  access: BucketAccess,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | null> {
  const answer = await localAnswer(access, key, signal);
  return answer?.status === 200 ? answer.body : null;
}

/** The answer of a store on this machine; null: the store is elsewhere, or did not answer. */
async function localAnswer(
  access: BucketAccess,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Awaited<ReturnType<typeof localGet>> | null> {
  const endpoint = new URL(access.endpoint);
  if (!isLocal(endpoint)) return null;
  const path = encodedPath(`/${access.bucket}/${key}`);
  const { headers } = aws4.sign(
    { service: 's3', region: access.region, host: endpoint.host, path },
    keysOf(access),
  );
  try {
    return await localGet(new URL(path, endpoint), {
      headers: headers as Record<string, string>,
      signal,
    });
  } catch {
    signal?.throwIfAborted();
    return null;
  }
}

async function* list(client: S3Client, Bucket: string, Prefix = ''): AsyncGenerator<StoredObject> {
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix,
        ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
      }),
    );
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      yield { key: Key ?? '', bytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 };
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
}

async function removeAll(client: S3Client, Bucket: string, prefix: string): Promise<number> {
  if (prefix === '') throw new Error('doorbuster never empties a whole bucket');
  let removed = 0;
  for await (const { key } of list(client, Bucket, prefix)) {
    await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
    removed += 1;
  }
  return removed;
}

function isAbout(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

function keyIn(bucket: string, key: string): string {
  const prefix = `s3://${bucket}/`;
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
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
