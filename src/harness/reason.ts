/** An error as one line: its message, and its hint if it has one. */
export function reasonOf(error: unknown): string {
  const { message, hint } = error as { readonly message?: string; readonly hint?: string };
  const text = [message ?? String(error), ...(hint === undefined ? [] : [`next: ${hint}`])];
  // DuckDB appends a stack trace to an INTERNAL error.
  return text
    .join('; ')
    .replace(/Stack Trace:[\s\S]*/, '')
    .replace(/\s+/g, ' ')
    .trim();
}
