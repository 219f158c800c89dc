/** An identifier of SQL, such as the name of a column. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal of SQL. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A path for a function that takes globs, such as read_parquet: brackets and stars in it match themselves. */
export function literalGlob(path: string): string {
  return path.replace(/[[*?]/g, '[$&]');
}
