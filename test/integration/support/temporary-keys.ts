import aws4 from 'aws4';
import type { Endpoints } from '../../../src/harness/clients/endpoints.ts';

type Keys = Required<Pick<Endpoints['s3'], 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>>;

/** Temporary keys of a MinIO for fifteen minutes, its minimum, by AssumeRole of its STS. */
export async function temporaryKeys(s3: Endpoints['s3']): Promise<Keys> {
  const { host } = new URL(s3.endpoint);
  const body = 'Action=AssumeRole&Version=2011-06-15&DurationSeconds=900';
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const signed = aws4.sign(
    { service: 'sts', region: s3.region, host, path: '/', method: 'POST', body, headers },
    { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
  );
  // `fetch` states the length of a body itself, and some of its implementations refuse a second statement.
  const { 'Content-Length': _, ...sent } = signed.headers as Record<string, string>;
  const answer = await fetch(`${s3.endpoint}/`, { method: 'POST', body, headers: sent });
  const text = await answer.text();
  const of = (name: string) => {
    const value = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
    if (value === undefined) throw new Error(`no ${name} in the answer of STS: ${text}`);
    return value;
  };
  return {
    accessKeyId: of('AccessKeyId'),
    secretAccessKey: of('SecretAccessKey'),
    sessionToken: of('SessionToken'),
  };
}
