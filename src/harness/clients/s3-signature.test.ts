import { expect, test } from 'vitest';
import { amzDate, authorizationOf, encodedPath } from './s3-signature.ts';

test("a request has the signature of the example in Amazon's own documentation", () => {
  // Signature Calculations for the Authorization Header, example "GET Object".
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'x-amz-date': amzDate(Date.UTC(2013, 4, 24)),
  };
  const signer = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    region: 'us-east-1',
  };
  expect(authorizationOf({ path: '/test.txt', headers }, signer)).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,' +
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
});

test('a path keeps its slashes, and everything that a URL would change is encoded', () => {
  expect(encodedPath("/warehouse/t/day=1/a b'c*.avro")).toBe(
    '/warehouse/t/day%3D1/a%20b%27c%2A.avro',
  );
});
