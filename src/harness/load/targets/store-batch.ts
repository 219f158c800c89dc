import { stackBroke } from '../../../core/errors.ts';
import { identifier } from '../../../core/sql.ts';
import { decode } from '../../../generators/decode.ts';
import { capturedTableOf, refusedTopic } from '../../../topology/captured.ts';
import type { Database, Parameter } from '../../clients/database.ts';
import type { Appended, Outgoing } from '../../clients/kafka-producer.ts';
import { partsOf, STOCK_COLUMNS, STOCK_KEY, schemaOf } from '../../clients/store-tables.ts';

/** A row of `stock` as a till writes it. */
type StockRow = Readonly<Record<string, string | number | boolean | null>>;

/** What becomes of one message in the database. */
type Write = { readonly message: Outgoing } & (
  | { readonly kind: 'event'; readonly id: string; readonly storeId: number }
  | { readonly kind: 'image'; readonly row: StockRow }
  | { readonly kind: 'refused'; readonly reason: string }
);

/** The first position of a batch in one partition, and when it was taken, epoch ms. */
interface Seat {
  readonly topic: string;
  readonly part: number;
  readonly first: number;
  readonly atMs: number;
}

/** Messages for one transaction, and who sends them: a batch that is sent again has the same number. */
export interface StoreBatch {
  readonly schema: string;
  readonly producer: string;
  readonly number: number;
  readonly writes: readonly Write[];
}

/** Reads the messages as the application of a store does, before it writes anything: a damaged one is refused. */
export function storeBatch(
  batch: readonly Outgoing[],
  { producer, number }: Pick<StoreBatch, 'producer' | 'number'>,
): StoreBatch {
  const prefixes = new Set(batch.map(({ topic }) => partsOf(topic).prefix));
  const [prefix] = prefixes;
  if (prefix === undefined || prefixes.size > 1) throw new Error('a batch is for one run');
  return { schema: schemaOf(prefix), producer, number, writes: batch.map(writeOf) };
}

function writeOf(message: Outgoing): Write {
  const { stream } = partsOf(message.topic);
  const decoded = decode(stream, message.value);
  if ('rejection' in decoded) return { message, kind: 'refused', reason: decoded.rejection };
  const { fields } = decoded;
  if (capturedTableOf(stream) === 'stock') return { message, kind: 'image', row: fields };
  return { message, kind: 'event', id: String(fields.event_id), storeId: Number(fields.store_id) };
}

/**
 * Writes a batch in one transaction and resolves when the database has acknowledged its commit. `again`: it was sent
 * before, and may have been committed.
 */
export async function writeBatch(
  database: Database,
  batch: StoreBatch,
  again: boolean,
): Promise<readonly Appended[]> {
  await database.rows('BEGIN');
  try {
    const seats = await takeSeats(database, batch);
    const before = again ? await answered(database, batch) : null;
    if (before !== null) {
      await database.rows('ROLLBACK');
      return appended(batch, before);
    }
    const placed = appended(batch, seats);
    await writeOutbox(database, batch, placed);
    for (const rows of rounds(batch, placed)) await writeStock(database, batch, rows);
    await database.rows(
      `INSERT INTO ${at(batch, 'producers')} VALUES ($1, $2, $3)
      ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, answer = excluded.answer`,
      [batch.producer, batch.number, JSON.stringify(seats)],
      'answer',
    );
    await database.rows('COMMIT');
    return placed;
  } catch (error) {
    await database.rows('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function at({ schema }: Pick<StoreBatch, 'schema'>, table: string): string {
  return `${identifier(schema)}.${table}`;
}

/** Takes positions in every partition of the batch, in one order for all producers, so that two do not wait for each other. */
async function takeSeats(database: Database, batch: StoreBatch): Promise<readonly Seat[]> {
  const counts = new Map<string, { topic: string; part: number; n: number }>();
  for (const { message } of batch.writes) {
    const { topic, partition: part } = message;
    const key = `${topic}/${part}`;
    counts.set(key, { topic, part, n: (counts.get(key)?.n ?? 0) + 1 });
  }
  const wanted = [...counts.values()];
  const values = [
    ...[wanted.map(({ topic }) => topic), wanted.map(({ part }) => part)],
    wanted.map(({ n }) => n),
  ];
  const positions = at(batch, 'positions');
  await database.rows(
    `SELECT FROM ${positions} JOIN unnest($1::text[], $2::integer[]) AS wanted (topic, part)
      USING (topic, part) ORDER BY topic, part FOR UPDATE OF positions`,
    values.slice(0, 2),
    'lock',
  );
  const taken = await database.rows<Record<'topic' | 'part' | 'first' | 'at_ms', string>>(
    `UPDATE ${positions} AS own SET next = own.next + wanted.n
    FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS wanted (topic, part, n)
    WHERE own.topic = wanted.topic AND own.part = wanted.part
    RETURNING own.topic, own.part, own.next - wanted.n AS first,
      floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at_ms`,
    values,
    'seats',
  );
  if (taken.length < wanted.length) {
    const names = wanted.map(({ topic, part }) => `${topic}/${part}`);
    throw stackBroke(`Postgres lacks a topic or partition of ${names.join(', ')}`);
  }
  return taken.map(({ topic, part, first, at_ms }) => ({
    ...{ topic, part: Number(part), first: Number(first), atMs: Number(at_ms) },
  }));
}

/** The answer to this batch if it was committed before; null: it was not. */
async function answered(database: Database, batch: StoreBatch): Promise<readonly Seat[] | null> {
  const [done] = await database.rows<{ answer: string }>(
    `SELECT answer FROM ${at(batch, 'producers')} WHERE id = $1 AND batch = $2`,
    [batch.producer, batch.number],
  );
  return done === undefined ? null : JSON.parse(done.answer);
}

/** Position and time of each message: those of one partition are numbered in the order sent. */
function appended(batch: StoreBatch, seats: readonly Seat[]): readonly Appended[] {
  const next = new Map(seats.map((seat) => [`${seat.topic}/${seat.part}`, { ...seat }]));
  return batch.writes.map(({ message }) => {
    const seat = next.get(`${message.topic}/${message.partition}`) as { first: number } & Seat;
    return { offset: seat.first++, kafkaMs: seat.atMs };
  });
}

/** Topic, id, store, partition, time and payload. */
type OutboxRow = readonly [string, string, number, number, number, string];

const utf8 = (value: Uint8Array) => Buffer.from(value).toString('utf8');

/** Events, of which the database keeps the first of each id, and refused messages, byte by byte. */
async function writeOutbox(
  database: Database,
  batch: StoreBatch,
  placed: readonly Appended[],
): Promise<void> {
  const rows: OutboxRow[] = [];
  for (const [i, write] of batch.writes.entries()) {
    const { topic, partition: part, key, value } = write.message;
    const { offset, kafkaMs } = placed[i] as Appended;
    if (write.kind === 'event') {
      rows.push([topic, write.id, write.storeId, part, kafkaMs, utf8(value)]);
    }
    if (write.kind !== 'refused') continue;
    const letter = {
      ...{ part, kafka_offset: offset, kafka_ms: kafkaMs, reason: write.reason },
      payload: Buffer.from(value).toString('base64'),
    };
    const id = `${part}-${offset}`;
    rows.push([refusedTopic(topic), id, Number(key), part, kafkaMs, JSON.stringify(letter)]);
  }
  if (rows.length === 0) return;
  await database.rows(
    `INSERT INTO ${at(batch, 'outbox')} (topic, id, store_id, part, at, payload)
    SELECT topic, id, store_id, part, timestamp 'epoch' + at_ms * interval '1 millisecond', payload
    FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::bigint[], $6::text[])
      AS sent (topic, id, store_id, part, at_ms, payload)
    ON CONFLICT (topic, id) DO NOTHING`,
    [0, 1, 2, 3, 4, 5].map((column) => rows.map((row) => row[column] as string | number)),
    'outbox',
  );
}

/** The images in rounds of one per row, so that the log has every change, and not the last of each row only. */
function rounds(batch: StoreBatch, placed: readonly Appended[]): readonly (readonly StockRow[])[] {
  const seen = new Map<string, number>();
  const all: StockRow[][] = [];
  for (const [i, write] of batch.writes.entries()) {
    if (write.kind !== 'image') continue;
    const key = STOCK_KEY.map((column) => write.row[column]).join('/');
    const round = seen.get(key) ?? 0;
    seen.set(key, round + 1);
    all[round] ??= [];
    const { partition: part } = write.message;
    all[round].push({ ...write.row, part, at_ms: (placed[i] as Appended).kafkaMs });
  }
  return all;
}

const NAMES = STOCK_COLUMNS.map(({ name }) => name);
const REPLACED = NAMES.filter((name) => !(STOCK_KEY as readonly string[]).includes(name));

/**
 * Upserts images by their version: an older one does nothing, and neither does the same one again. A row that is marked as
 * deleted is then deleted, so that the log has its last image and the deletion.
 */
async function writeStock(
  database: Database,
  batch: StoreBatch,
  rows: readonly StockRow[],
): Promise<void> {
  const stock = at(batch, 'stock');
  const column = (name: string): readonly Parameter[] => rows.map((row) => row[name] ?? null);
  const arrays = STOCK_COLUMNS.map(({ type }, i) => `$${i + 1}::${type}[]`);
  await database.rows(
    `INSERT INTO ${stock} AS own (${NAMES.join(', ')})
    SELECT ${NAMES.map((name) => `sent.${name}`).join(', ')}
    FROM unnest(${arrays.join(', ')}) AS sent (${NAMES.join(', ')})
      LEFT JOIN ${at(batch, 'removed')} AS gone USING (store_id, sku_id)
    WHERE gone.version IS NULL OR gone.version < sent.version
    ON CONFLICT (${STOCK_KEY.join(', ')}) DO UPDATE
    SET ${REPLACED.map((name) => `${name} = excluded.${name}`).join(', ')}
    WHERE own.version < excluded.version`,
    NAMES.map(column),
    'stock',
  );
  const deleted = rows.filter((row) => row.deleted === true);
  if (deleted.length === 0) return;
  const identity = [...STOCK_KEY, 'version'];
  await database.rows(
    `WITH gone AS (
      DELETE FROM ${stock} AS own
      USING unnest($1::integer[], $2::integer[], $3::bigint[]) AS sent (store_id, sku_id, version)
      WHERE own.store_id = sent.store_id AND own.sku_id = sent.sku_id AND own.version = sent.version
      RETURNING own.store_id, own.sku_id, own.version)
    INSERT INTO ${at(batch, 'removed')} SELECT * FROM gone
    ON CONFLICT (store_id, sku_id) DO UPDATE SET version = excluded.version`,
    identity.map((name) => deleted.map((row) => row[name] ?? null)),
    'removed',
  );
}
