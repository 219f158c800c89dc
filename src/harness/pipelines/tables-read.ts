import type { Facts } from '../facts.ts';

/**
 * The tables that a query over the catalog `ice` reads, in order. DuckDB's parser finds them, not the
 * manifest, so that they cannot be out of date. Empty for statements that this parser does not serialize
 * (a PIVOT, for example).
 */
export async function tablesRead(
  facts: Pick<Facts, 'rows'>,
  sql: string,
): Promise<readonly string[]> {
  const rows = await facts.rows<{ name: string }>(TABLES_NAMED, { sql });
  return rows.map(({ name }) => name);
}

const TABLES_NAMED = `
  SELECT DISTINCT (node.value->>'$.table_name') AS name
  FROM json_tree(json_serialize_sql($sql::VARCHAR)) node
  WHERE node.type = 'OBJECT' AND (node.value->>'$.type') = 'BASE_TABLE'
    AND (node.value->>'$.catalog_name') = 'ice'
  ORDER BY name`;
