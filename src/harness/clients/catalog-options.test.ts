import { expect, test } from 'vitest';
import { withoutSecrets } from './catalog-options.ts';
import type { CatalogAuth, Endpoints } from './endpoints.ts';

const endpoints = (secretAccessKey: string, auth: CatalogAuth) =>
  ({ s3: { secretAccessKey }, catalog: { auth } }) as Endpoints;

test('no secret is left in a statement that is quoted, with its quotes doubled or not', () => {
  const auth = { kind: 'bearer', token: "to'ken" } as const;
  const text = "refused: 's3.secret-access-key' = 'sec''ret', 'token' = 'to''ken' (to'ken)";
  expect(withoutSecrets(text, endpoints("sec'ret", auth))).toBe(
    "refused: 's3.secret-access-key' = '***', 'token' = '***' (***)",
  );
});

test('where there is no secret, nothing is taken for one', () => {
  expect(withoutSecrets('as it is', endpoints('', { kind: 'none' }))).toBe('as it is');
});

test('neither a session token nor a password of Kafka is left, in SQL or in its JAAS configuration', () => {
  const password = 'pass"wo\'rd';
  const sasl = { mechanism: 'plain', username: 'me', password } as const;
  const secrets = {
    s3: { secretAccessKey: 'key', sessionToken: 'to/ken+' },
    kafka: { brokers: [], security: { tls: null, sasl, flinkConnector: 'sql' } },
    catalog: { auth: { kind: 'none' } },
  } as unknown as Endpoints;
  const text = `'s3.session-token'='to/ken+', jaas='password="pass\\"wo''rd";' (pass"wo'rd)`;
  expect(withoutSecrets(text, secrets)).toBe(
    `'s3.session-token'='***', jaas='password="***";' (***)`,
  );
});
