/**
 * The innermost cause of a Java stack trace in a response, on one line, without the many wrappers around it. Text
 * without a `Caused by` gives its first line. `masked` removes secrets before the text is cut, because a part of one is
 * not recognized. stack/cause.ts reads the cause from a server's log.
 */
export function rootCause(trace: string, masked = (text: string) => text): string {
  const lines = masked(trace)
    .split('\n')
    .map((line) => line.trim());
  const causes = lines.filter((line) => line.startsWith('Caused by: '));
  const innermost = causes.at(-1) ?? lines.find((line) => line !== '') ?? 'no cause was given';
  const text = innermost
    .replace(/^Caused by: /, '')
    // A serialized exception contains its class twice: in the wrapper and in the original's text.
    .replace(/^\S*SerializedThrowable: /, '');
  return text.length > 600 ? `${text.slice(0, 600)} …` : text;
}

/**
 * The innermost cause in the body of an error response. Flink's servers send
 * `{"errors": [message, stack trace]}`; a proxy in between may send anything.
 */
export function causeIn(body: string, masked = (text: string) => text): string {
  try {
    const { errors } = JSON.parse(body) as { errors?: readonly string[] };
    return rootCause(errors?.at(-1) ?? body, masked);
  } catch {
    return rootCause(body, masked);
  }
}
