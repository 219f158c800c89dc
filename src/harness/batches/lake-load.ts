import { quoted } from '../../core/sql.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { tableColumns } from '../../topology/table-columns.ts';
import type { Connection } from '../clients/duckdb.ts';
import { BATCH_COLUMN, type Positions } from './batch-log.ts';
import { isUpsert, readIncoming, sameRow } from './fold.ts';
import { named } from './views.ts';

/** What a commit of a load says of itself. */
export interface LoadNote {
  /** Number of the load; the first is 1. */
  readonly number: number;
  /** How far the topics are loaded. */
  readonly positions: Positions;
}

interface LakeLoad extends LoadNote {
  readonly namespace: string;
  /** Rows by our names, with `arrived_part` and `arrived_offset`: see `Spool.rowsOf`. */
  readonly parts: readonly { readonly dataset: Dataset; readonly from: string }[];
}

/**
 * Adds rows to tables of DuckLake, attached as `ice`, in one transaction: the first of each event, the highest version of
 * each row. Rejects with nothing changed.
 */
export async function loadIntoLake(
  connection: Connection,
  { namespace, parts, number, positions }: LakeLoad,
): Promise<void> {
  const note = JSON.stringify({ number, positions } satisfies LoadNote);
  await connection.run('BEGIN');
  try {
    for (const { dataset, from } of parts) {
      await readIncoming(connection, { dataset, from, number });
      await connection.run(statementFor(dataset, `ice.${named(namespace)}.${named(dataset.name)}`));
    }
    await connection.run(
      `CALL ice.set_commit_message('doorbuster', 'load ${number}', extra_info => ${quoted(note)})`,
    );
    await connection.run('COMMIT');
  } catch (error) {
    // A commit that failed has ended the transaction.
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** A merge of an event would put its row into a file, however few there are; an insert can put it into the catalog. */
function statementFor(dataset: Dataset, table: string): string {
  const columns = [...tableColumns(dataset).map(({ name }) => name), BATCH_COLUMN].map(named);
  const same = sameRow(dataset);
  if (!isUpsert(dataset)) {
    return `INSERT INTO ${table} BY NAME SELECT ${columns.join(', ')} FROM incoming AS new
      WHERE NOT EXISTS (SELECT 1 FROM ${table} AS known WHERE ${same})`;
  }
  const version = named(dataset.version);
  return `MERGE INTO ${table} AS known USING incoming AS new ON ${same}
    WHEN MATCHED AND new.${version} > known.${version}
      THEN UPDATE SET ${columns.map((name) => `${name} = new.${name}`).join(', ')}
    WHEN NOT MATCHED THEN INSERT (${columns.join(', ')})
      VALUES (${columns.map((name) => `new.${name}`).join(', ')})`;
}

/** The note of the newest load of the lake that is attached as `ice`; number 0 before the first. */
export async function newestNote(connection: Connection): Promise<LoadNote> {
  const [found] = await connection.rows<{ note: string }>(`
    SELECT commit_extra_info AS note FROM __ducklake_metadata_ice.ducklake_snapshot_changes
    WHERE commit_extra_info IS NOT NULL ORDER BY snapshot_id DESC LIMIT 1`);
  return found === undefined ? { number: 0, positions: {} } : (JSON.parse(found.note) as LoadNote);
}
