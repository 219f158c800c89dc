/** Why something was not judged, in one line: the message, and its hint where there is one. */
export function reasonOf(error: unknown): string {
  const { message, hint } = error as { readonly message?: string; readonly hint?: string };
  const text = [message ?? String(error), ...(hint === undefined ? [] : [`next: ${hint}`])];
  // DuckDB adds the addresses of its own code to what it calls an INTERNAL error.
  return text
    .join('; ')
    .replace(/Stack Trace:[\s\S]*/, '')
    .replace(/\s+/g, ' ')
    .trim();
}
