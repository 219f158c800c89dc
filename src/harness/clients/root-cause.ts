/**
 * The innermost cause of a Java stack trace that an answer holds, on one line: what a person can act on, without the
 * twenty wrappers around it. Text without a `Caused by` gives its own first line.
 * `masked` takes secrets out before the text is cut: a part of one is not recognized. What a server's own log says of
 * its end is stack/cause.ts's to read.
 */
export function rootCause(trace: string, masked = (text: string) => text): string {
  const lines = masked(trace)
    .split('\n')
    .map((line) => line.trim());
  const causes = lines.filter((line) => line.startsWith('Caused by: '));
  const innermost = causes.at(-1) ?? lines.find((line) => line !== '') ?? 'no cause was given';
  const text = innermost
    .replace(/^Caused by: /, '')
    // A serialized exception carries its class twice: wrapper, then the original's own text.
    .replace(/^\S*SerializedThrowable: /, '');
  return text.length > 600 ? `${text.slice(0, 600)} …` : text;
}

/**
 * The innermost cause in the body of an answer that is an error. Flink's servers say
 * `{"errors": [message, stack trace]}`; a proxy in between may say anything.
 */
export function causeIn(body: string, masked = (text: string) => text): string {
  try {
    const { errors } = JSON.parse(body) as { errors?: readonly string[] };
    return rootCause(errors?.at(-1) ?? body, masked);
  } catch {
    return rootCause(body, masked);
  }
}
