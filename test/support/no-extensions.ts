/** DuckDB's extensions where nothing loads them. */
export const NO_EXTENSIONS = { avro: '', httpfs: '', iceberg: '', sqliteScanner: '', ducklake: '' };
