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
