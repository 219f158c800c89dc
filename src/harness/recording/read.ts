import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { identifier, quoted } from '../../core/sql.ts';
import { suggest } from '../../scenario/problems.ts';
import { DAY_KINDS, type DayKind, type Recording, type TapeMap } from '../../scenario/recording.ts';
import { type Connection, openDatabase } from '../clients/duckdb.ts';
import { temporaryDir } from '../setup/user-dirs.ts';

/** What is wrong with a recording, and which key of the scenario says so. */
export class RecordingProblem extends Error {
  /** Of pos: `tape`, or a key of its map. */
  readonly key: 'tape' | Key;

  constructor(key: RecordingProblem['key'], message: string) {
    super(message);
    this.key = key;
  }
}

/** The columns a map names, by their keys in a scenario. */
const REQUIRED = ['receipt', 'store', 'at', 'sku', 'quantity', 'amount'] as const;
const KEYS = [...REQUIRED, 'discount', 'member'] as const;
type Key = (typeof KEYS)[number];

/** How each format is read: as text where the file has no types of its own. */
const FORMATS: Readonly<Record<string, (path: string) => string>> = {
  csv: (path) => `read_csv(${quoted(path)}, header = true, all_varchar = true)`,
  tsv: (path) => `read_csv(${quoted(path)}, header = true, all_varchar = true, delim = '\t')`,
  ndjson: (path) => `read_json(${quoted(path)}, format = 'newline_delimited', sample_size = -1)`,
  jsonl: (path) => `read_json(${quoted(path)}, format = 'newline_delimited', sample_size = -1)`,
  parquet: (path) => `read_parquet(${quoted(path)})`,
};

const MEMORY_MB = 1_024;
const THREADS = 2;

/**
 * Reads a recorded file into columns, whole: no line is left out. Throws RecordingProblem for what the
 * file or its map has wrong.
 */
export async function readRecording(path: string, map: TapeMap): Promise<Recording> {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  const scan = FORMATS[ending]?.(path);
  if (scan === undefined) {
    const known = Object.keys(FORMATS).map((name) => `.${name}`);
    throw new RecordingProblem('tape', `is of no format that can be read: ${known.join(', ')}`);
  }
  const sha256 = await digestOf(path);
  const spillDir = join(temporaryDir(), `doorbuster-tape-${process.pid}`);
  const database = await openDatabase(':memory:', {
    memoryMb: MEMORY_MB,
    threads: THREADS,
    spillDir,
  });
  const connection = await database.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    await checkColumns(connection, scan, map);
    await takeLines(connection, scan, map);
    await checkLines(connection, scan, map);
    await number(connection);
    return { sha256, ...(await columnsOf(connection, map)) };
  } finally {
    connection.close();
    database.close();
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function checkColumns(connection: Connection, scan: string, map: TapeMap): Promise<void> {
  const described = await readable(
    connection.rows<{ column_name: string }>(`DESCRIBE FROM ${scan}`),
  );
  const known = described.map(({ column_name }) => column_name);
  for (const key of KEYS) {
    const column = map[key];
    if (column === null || known.includes(column)) continue;
    const near = suggest(column, known);
    const list = near.startsWith('known') ? '' : ` (known here: ${known.join(', ')})`;
    throw new RecordingProblem(key, `the recording has no column "${column}": ${near}${list}`);
  }
}

/** DuckDB's first line says what a file has that it cannot read. */
async function readable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const [first = ''] = (error as Error).message.split('\n');
    throw new RecordingProblem('tape', `cannot be read: ${first.replace(/"[^"]*[/]/g, '"')}`);
  }
}

/** Expression of each field; NULL where the file has nothing, or nothing of that kind. */
function fields(map: TapeMap): Readonly<Record<Key, string>> {
  const column = (key: Key) => identifier(map[key] ?? '');
  const text = (key: Key) => `CAST(${column(key)} AS VARCHAR)`;
  const cents = (key: Key) => `TRY_CAST(round(TRY_CAST(${text(key)} AS DOUBLE) * 100) AS INTEGER)`;
  return {
    receipt: text('receipt'),
    store: text('store'),
    at: `TRY_CAST(${text('at')} AS TIMESTAMP)`,
    sku: text('sku'),
    quantity: `nullif(TRY_CAST(${text('quantity')} AS DOUBLE), 'NaN'::DOUBLE)`,
    amount: cents('amount'),
    // Nothing taken off is often nothing written.
    discount:
      map.discount === null
        ? '0'
        : `CASE WHEN ${column('discount')} IS NULL THEN 0 ELSE ${cents('discount')} END`,
    member: map.member === null ? 'NULL::VARCHAR' : text('member'),
  };
}

async function takeLines(connection: Connection, scan: string, map: TapeMap): Promise<void> {
  const list = Object.entries(fields(map)).map(
    ([key, expression]) => `${expression} AS ${identifier(key)}`,
  );
  await readable(
    connection.run(
      `CREATE TABLE taken AS SELECT row_number() OVER () AS n, ${list.join(', ')} FROM ${scan}`,
    ),
  );
}

/** What a field must be, for whoever wrote something else. */
const MUST_BE: Readonly<Partial<Record<Key, string>>> = {
  at: 'a timestamp, like 2017-11-24 09:30:00',
  quantity: 'a number',
  amount: 'an amount, like 1.99',
  discount: 'an amount, like 0.50, or empty',
};

/** A line that cannot be replayed is no line to leave out: the recording is refused, at its first such row. */
async function checkLines(connection: Connection, scan: string, map: TapeMap): Promise<void> {
  const [counted] = await connection.rows<{ n: number }>(
    'SELECT count(*)::INTEGER AS n FROM taken',
  );
  if (counted?.n === 0) throw new RecordingProblem('tape', 'holds no line');
  for (const key of [...REQUIRED, 'discount'] as const) {
    const [bad] = await connection.rows<{ n: number | null; rows: number }>(
      `SELECT min(n)::INTEGER AS n, count(*)::INTEGER AS rows FROM taken WHERE ${identifier(key)} IS NULL`,
    );
    if (bad === undefined || bad.n === null) continue;
    const column = map[key] ?? '';
    const [found] = await connection.rows<{ text: string | null }>(
      `SELECT CAST(${identifier(column)} AS VARCHAR) AS text FROM ${scan} LIMIT 1 OFFSET ${bad.n - 1}`,
    );
    const text = found?.text ?? null;
    const fact =
      text === null ? 'is empty' : `is "${text}", and must be ${MUST_BE[key] ?? 'there'}`;
    const more = bad.rows === 1 ? '' : `; ${bad.rows - 1} more rows are like it`;
    throw new RecordingProblem(key, `row ${bad.n}: ${column} ${fact}${more}`);
  }
}

/** Stores and products by how much there is of them; receipts and members by when they come first. */
async function number(connection: Connection): Promise<void> {
  await connection.run(`
    CREATE TABLE receipts AS
      SELECT store, receipt, min("at") AS "at", min(n) AS first, count(*)::INTEGER AS lines,
        arg_min(member, n) AS member,
        (row_number() OVER (ORDER BY min("at"), min(n)) - 1)::INTEGER AS rank
      FROM taken GROUP BY store, receipt;
    CREATE TABLE stores AS
      SELECT store, (row_number() OVER (ORDER BY count(*) DESC, store) - 1)::INTEGER AS rank
      FROM receipts GROUP BY store;
    CREATE TABLE members AS
      SELECT member, (row_number() OVER (ORDER BY min(rank)) - 1)::INTEGER AS rank
      FROM receipts WHERE member IS NOT NULL GROUP BY member;
    CREATE TABLE products AS
      SELECT sku, (row_number() OVER (ORDER BY count(*) DESC, sku) - 1)::INTEGER AS rank
      FROM taken GROUP BY sku;`);
}

/** The zone's own time of an instant, or the time as it stands. */
function local(at: string, zone: string | null): string {
  return zone === null ? at : `timezone(${quoted(zone)}, timezone('UTC', ${at}))`;
}

async function columnsOf(connection: Connection, map: TapeMap): Promise<Omit<Recording, 'sha256'>> {
  const measure = `(abs(quantity) > ${map.unitsUpTo} OR quantity <> round(quantity))`;
  const units = `CASE WHEN ${measure} THEN sign(quantity) ELSE quantity END`;
  const [atMs, store, member, lines] = await connection.columns(`
    SELECT (epoch_ms("at") - min(epoch_ms("at")) OVER ())::DOUBLE AS at_ms, stores.rank,
      coalesce(members.rank, -1), lines
    FROM receipts JOIN stores USING (store) LEFT JOIN members USING (member)
    ORDER BY receipts.rank`);
  const [product, quantity, amount, discount] = await connection.columns(`
    SELECT products.rank, (${units})::INTEGER, amount::INTEGER, discount::INTEGER
    FROM taken JOIN receipts USING (store, receipt) JOIN products USING (sku)
    ORDER BY receipts.rank, n`);
  const [price] = await connection.columns(`
    SELECT coalesce(quantile_disc(
        round((amount + discount) / nullif(${units}, 0)), 0.5
      ) FILTER (${units} > 0), 0)::INTEGER
    FROM taken JOIN products USING (sku) GROUP BY products.rank ORDER BY products.rank`);
  const [totals] = await connection.rows<{ stores: number; members: number; measures: number }>(`
    SELECT (SELECT count(*) FROM stores)::INTEGER AS stores,
      (SELECT count(*) FROM members)::INTEGER AS members,
      (SELECT count(*) FROM taken WHERE ${measure})::INTEGER AS measures`);
  const firstLine = [0];
  for (const count of lines ?? []) firstLine.push((firstLine.at(-1) as number) + count);
  return {
    atMs: shared(Float64Array, atMs ?? []),
    store: shared(Int32Array, store ?? []),
    member: shared(Int32Array, member ?? []),
    firstLine: shared(Int32Array, firstLine),
    product: shared(Int32Array, product ?? []),
    quantity: shared(Int32Array, quantity ?? []),
    amountCents: shared(Int32Array, amount ?? []),
    discountCents: shared(Int32Array, discount ?? []),
    priceCents: shared(Int32Array, price ?? []),
    stores: totals?.stores ?? 0,
    members: totals?.members ?? 0,
    measures: totals?.measures ?? 0,
    ...(await timesOf(connection, map)),
  };
}

async function timesOf(
  connection: Connection,
  map: TapeMap,
): Promise<Pick<Recording, 'from' | 'to' | 'hours'>> {
  const at = local('"at"', map.atZone);
  const [span] = await connection.rows<{ from: string; to: string }>(
    `SELECT strftime(min(${at}), '%Y-%m-%dT%H:%M:%S') AS "from",
       strftime(max(${at}), '%Y-%m-%dT%H:%M:%S') AS "to" FROM receipts`,
  );
  const counted = await connection.rows<{ kind: DayKind; hour: number; n: number }>(`
    SELECT CASE isodow(${at}) WHEN 6 THEN 'saturday' WHEN 7 THEN 'sunday' ELSE 'weekday' END AS kind,
      hour(${at})::INTEGER AS hour, count(*)::INTEGER AS n FROM receipts GROUP BY ALL`);
  const hours = Object.fromEntries(
    DAY_KINDS.map((kind) => [
      kind,
      Array.from(
        { length: 24 },
        (_, hour) => counted.find((one) => one.kind === kind && one.hour === hour)?.n ?? 0,
      ),
    ]),
  ) as Record<DayKind, number[]>;
  return { from: span?.from ?? '', to: span?.to ?? '', hours };
}

/** A column in memory that threads share instead of copying. */
function shared<T extends Int32Array | Float64Array>(
  type: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  values: readonly number[],
): T {
  const column = new type(new SharedArrayBuffer(values.length * type.BYTES_PER_ELEMENT));
  column.set(values);
  return column;
}
