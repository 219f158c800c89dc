import { identifier } from '../../core/sql.ts';
import { WIRE, type WireType } from '../../generators/wire-schema.ts';
import { STOCK, STREAMS, type Stream } from '../../scenario/scenario.ts';
import type { Database } from './database.ts';

/**
 * The tables of the stores' database, one schema per run: `stock` has a row per store and product, `outbox` a row per
 * event and per refused message. Both name the topic that their rows are for.
 */

/** The schema of topics with this prefix. */
export function schemaOf(topicPrefix: string): string {
  return topicPrefix === '' ? 'stores' : topicPrefix;
}

/** A topic's stream, and the prefix before it. */
export function partsOf(topic: string): { readonly stream: Stream; readonly prefix: string } {
  const stream = STREAMS.find((one) => topic.endsWith(one));
  if (stream === undefined) throw new Error(`${topic} is the topic of no stream`);
  return { stream, prefix: topic.slice(0, -stream.length) };
}

const TYPES: Readonly<Record<WireType, string>> = {
  STRING: 'text',
  INT: 'integer',
  BIGINT: 'bigint',
  BOOLEAN: 'boolean',
};

/** A column of a table with its type. */
interface Column {
  readonly name: string;
  readonly type: string;
  readonly isNull: boolean;
}

/** Key of a row of `stock`. */
export const STOCK_KEY = ['store_id', 'sku_id'] as const;

/** Columns of `stock`: what the wire says of a row, the partition of its store, and when it was written. */
export const STOCK_COLUMNS: readonly Column[] = [
  ...WIRE[STOCK].fields.flatMap(({ name, type, need }) =>
    need === 'unread' ? [] : [{ name, type: TYPES[type], isNull: need === 'optional' }],
  ),
  { name: 'part', type: 'integer', isNull: false },
  { name: 'at_ms', type: 'bigint', isNull: false },
];

/** Creates the tables of a prefix where they do not exist. */
export async function createStoreTables(database: Database, topicPrefix: string): Promise<void> {
  const schema = identifier(schemaOf(topicPrefix));
  const stock = STOCK_COLUMNS.map(
    ({ name, type, isNull }) => `${name} ${type}${isNull ? '' : ' NOT NULL'}`,
  );
  await database.rows(`
    CREATE SCHEMA IF NOT EXISTS ${schema};
    -- The number of messages that were accepted of each partition: the position of the next.
    CREATE TABLE IF NOT EXISTS ${schema}.positions (
      topic text, part integer, next bigint NOT NULL DEFAULT 0, PRIMARY KEY (topic, part));
    -- The last batch of each producer, so that one which is sent again is not applied again.
    CREATE TABLE IF NOT EXISTS ${schema}.producers (
      id text PRIMARY KEY, batch bigint NOT NULL, answer text NOT NULL);
    CREATE TABLE IF NOT EXISTS ${schema}.outbox (
      topic text, id text, store_id integer NOT NULL, part integer NOT NULL,
      at timestamp(3) NOT NULL, payload text NOT NULL, PRIMARY KEY (topic, id));
    CREATE TABLE IF NOT EXISTS ${schema}.stock (${stock.join(', ')},
      PRIMARY KEY (${STOCK_KEY.join(', ')}));
    -- A deletion in the log has all columns of the row.
    ALTER TABLE ${schema}.stock REPLICA IDENTITY FULL;
    -- Versions of deleted rows, so that an older image does not bring one back.
    CREATE TABLE IF NOT EXISTS ${schema}.removed (
      store_id integer, sku_id integer, version bigint NOT NULL, PRIMARY KEY (store_id, sku_id))`);
}

/** Position of the next message of every partition of a topic; none: there is no such topic. */
export async function positionsOf(
  database: Database,
  topic: string,
): Promise<readonly { readonly part: number; readonly next: string }[]> {
  const schema = identifier(schemaOf(partsOf(topic).prefix));
  const [there] = await database.rows<{ at: string | null }>('SELECT to_regclass($1) AS at', [
    `${schema}.positions`,
  ]);
  if (there?.at == null) return [];
  return database.rows(
    `SELECT part, next FROM ${schema}.positions WHERE topic = $1 ORDER BY part`,
    [topic],
  );
}
