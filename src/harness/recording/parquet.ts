import { identifier, literalGlob, quoted } from '../../core/sql.ts';
import { openDatabase } from '../clients/duckdb.ts';
import { columnIndexes, RecordingProblem, type RowReader } from './problem.ts';

const MEMORY_MB = 1_024;
const THREADS = 2;

/** Reads a Parquet file, with its values as text. */
export function parquetReader(path: string): RowReader {
  // Only the file's own columns, no hive partitions from folder names; and its name is not a glob pattern.
  const literal = literalGlob(path);
  const scan = `read_parquet(${quoted(literal)}, hive_partitioning = false)`;
  return {
    async read(wanted, take) {
      const database = await openDatabase(':memory:', { memoryMb: MEMORY_MB, threads: THREADS });
      const connection = await database.connect();
      try {
        await connection.run(`SET TimeZone = 'UTC'`);
        const columns = await connection.rows<{ column_name: string; column_type: string }>(
          `DESCRIBE FROM ${scan}`,
        );
        const places = columnIndexes(
          columns.map(({ column_name }) => column_name),
          wanted,
        );
        const list = places.map((place) => {
          const { column_name = '', column_type = '' } = columns[place] ?? {};
          return asText(identifier(column_name), column_type);
        });
        const chunks = connection.textChunks(`SELECT ${list.join(', ')} FROM ${scan}`);
        for await (const chunk of chunks) {
          const rows = chunk[0]?.length ?? 0;
          for (let row = 0; row < rows; row++) take(chunk.map((column) => column[row] ?? null));
        }
      } catch (error) {
        if (error instanceof RecordingProblem) throw error;
        const [first = ''] = (error as Error).message.split('\n');
        throw new RecordingProblem('tape', `cannot be read: ${first.replaceAll(literal, 'it')}`);
      } finally {
        connection.close();
        database.close();
      }
    },
    positionOf: (row) => Promise.resolve(`row ${row + 1}`),
  };
}

/** pandas stores an integer column with gaps as floats: 17850.0 is the id 17850, and NaN a gap. */
function asText(column: string, type: string): string {
  const text = `CAST(${column} AS VARCHAR)`;
  if (type !== 'DOUBLE' && type !== 'FLOAT') return text;
  return `CASE WHEN NOT isnan(${column}) THEN regexp_replace(${text}, '\\.0$', '') END`;
}
