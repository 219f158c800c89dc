import { WIRE, type WireType } from '../generators/wire-schema.ts';
import { columnOf, type Dataset, holdsRejected } from './dataset.ts';

/** Types of DuckDB, by those of the wire. */
const DUCKDB_TYPES: Readonly<Record<WireType, string>> = {
  STRING: 'VARCHAR',
  INT: 'INTEGER',
  BIGINT: 'BIGINT',
  BOOLEAN: 'BOOLEAN',
};

/** Stamps of a row, epoch ms: when the broker appended its record, and when a stage processed it. */
const STAMPS = { kafka_ms: 'BIGINT', flink_ms: 'BIGINT' };

const OF_REJECTED = {
  topic: 'VARCHAR',
  part: 'INTEGER',
  kafka_offset: 'BIGINT',
  reason: 'VARCHAR',
  payload: 'BLOB',
  ...STAMPS,
};

/** A column of a table: our name, its name in the table, and its type in DuckDB. */
interface TableColumn {
  readonly ours: string;
  readonly name: string;
  readonly type: string;
}

/** The columns of a table that keeps all that a reader needs of its records, lists as one array per field. */
export function tableColumns(dataset: Dataset): readonly TableColumn[] {
  return Object.entries(typesOf(dataset)).map(([ours, type]) => ({
    ...{ ours, type },
    name: columnOf(dataset, ours),
  }));
}

function typesOf(dataset: Dataset): Readonly<Record<string, string>> {
  if (holdsRejected(dataset)) return OF_REJECTED;
  const { fields, lists } = WIRE[dataset.carries];
  return {
    ...Object.fromEntries(
      fields
        .filter(({ need }) => need !== 'unread')
        .map(({ name, type }) => [name, DUCKDB_TYPES[type]]),
    ),
    ...Object.fromEntries(
      lists
        .flatMap((list) => list.fields)
        .flatMap(({ column, type }) =>
          column === null ? [] : [[column, `${DUCKDB_TYPES[type]}[]`]],
        ),
    ),
    ...STAMPS,
  };
}
