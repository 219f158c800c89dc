import { expect, test } from 'vitest';
import { causeIn, rootCause } from './root-cause.ts';

test('the innermost cause of a trace is what is shown', () => {
  const trace = `org.apache.flink.runtime.JobException: Recovery is suppressed
\tat org.apache.flink.runtime.Handler.handle(Handler.java:12)
Caused by: java.io.IOException: Failed to deserialize consumer record
\tat org.apache.flink.Source.read(Source.java:3)
Caused by: java.lang.NumberFormatException: For input string: "many"
\tat java.base/java.lang.Integer.parseInt(Integer.java:1)
\t... 12 more`;
  expect(rootCause(trace)).toBe('java.lang.NumberFormatException: For input string: "many"');
});

test('a text without a trace is its own cause', () => {
  expect(rootCause('\nSession does not exist\n')).toBe('Session does not exist');
  expect(rootCause('')).toBe('no cause was given');
});

test("of an answer the cause is in its last error, where it is one of Flink's", () => {
  const trace = 'o.a.f.ClientException: no\nCaused by: java.io.IOException: no such job';
  expect(causeIn(JSON.stringify({ errors: ['Internal error', trace] }))).toBe(
    'java.io.IOException: no such job',
  );
  expect(causeIn('{}')).toBe('{}');
  expect(causeIn('null')).toBe('null');
  expect(causeIn('502 Bad Gateway\nnginx')).toBe('502 Bad Gateway');
});

test('a secret that stands where the text is cut is taken out whole', () => {
  const secret = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY';
  const masked = (text: string) => text.replaceAll(secret, '***');
  for (let before = 540; before <= 600; before += 5) {
    const said = `Caused by: x: ${'y'.repeat(before)}${secret}${'z'.repeat(100)}`;
    for (const text of [
      rootCause(said, masked),
      causeIn(said, masked),
      causeIn(JSON.stringify({ errors: ['x', said] }), masked),
    ]) {
      expect(text).toContain('y'.repeat(540));
      expect(text).not.toContain(secret.slice(0, 3));
    }
  }
});
