import fc from 'fast-check';
import { expect, test } from 'vitest';
import { masked } from './masked.ts';

const SECRET = 'Xq7-hunter2/with,commas}and#signs@all';

test.each([
  ['s3.secret-access-key: ?', ''],
  ["{ token: ?, kind: 'b' }", ", kind: 'b' }"],
  ['{"password":"?","kind":1}', ',"kind":1}'],
  ["password = '?' # why", ' # why'],
  ['api_key: ?\nname: shown', '\nname: shown'],
  ['AWS_SECRET_ACCESS_KEY=? and more', ''],
  ['credential: |\n  ?\n  ?\nname: shown', '\nname: shown'],
  ['credential:\n    ?\n\n    ?\nname: shown', '\nname: shown'],
  ['password: "?\nname: shown', '\nname: shown'],
])('no character of a secret is left in %j', (form, after) => {
  const text = form.replaceAll('?', SECRET);
  const seen = masked(text);
  expect(seen).toHaveLength(text.length);
  expect(seen).not.toMatch(/hunter2|commas|signs|all/);
  expect(seen.endsWith(after)).toBe(true);
});

test.each([
  'http://user:pa@ss@host:8081/path',
  'kafka://user@broker:9092',
  'at "https://a:b@c/d" and https://e:f@g',
])('user and password of a URL are not shown: %s', (text) => {
  expect(masked(text)).toHaveLength(text.length);
  expect(masked(text)).not.toMatch(/user|pa@ss|a:b|e:f/);
});

test.each([
  'traffic: { pos: { receipts: 50/store/h } }',
  'http://host:8081/path',
  'a secret is a word',
  'tokens and passwords',
])('text without a secret stays as it is: %s', (text) => {
  expect(masked(text)).toBe(text);
});

test('length and line breaks stay, whatever the text', () => {
  const piece = fc.constantFrom(
    ...['password', 'token', ':', '=', ' ', '\n', '  ', '"', "'", '|', '{', '}', ',', '#', '@'],
    ...['://', 'x', '\\', '\u001b', '\u{1F6D2}'],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('');
      const seen = masked(text);
      expect(seen).toHaveLength(text.length);
      expect(seen.split('\n').length).toBe(text.split('\n').length);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  'secret',
  'secret ',
  'secret: ',
  'secret: "',
  'secret: |\n',
  "secret='",
  'token,',
  '://',
  '://a@',
  '@',
  ' ',
  '"',
  '"\\',
  'a',
  'secret:\n ',
  'password : {',
])('a megabyte of %j takes no longer than its length', (piece) => {
  const startedMs = performance.now();
  masked(piece.repeat(2 ** 20 / piece.length));
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
