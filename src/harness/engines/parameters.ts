import type { Params } from '../clients/duckdb.ts';

/**
 * A statement with `write(name)` in place of each `$name` of `params`; in text and comments a `$` stays what it is. The
 * engines other than DuckDB have no parameters by this syntax.
 */
export function withParameters(
  sql: string,
  params: Params,
  write: (name: string) => string,
): string {
  const names = Object.keys(params);
  if (names.length === 0) return sql;
  const part = new RegExp(`'(?:[^']|'')*'|--[^\\n]*|\\$(${names.join('|')})\\b`, 'g');
  return sql.replace(part, (all, name) => (name === undefined ? all : write(name)));
}
