import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { identifier } from '../../core/sql.ts';
import { type Database, openDatabase } from './database.ts';
import type { PostgresAddress } from './endpoints.ts';

/** Change data capture as the database sees it: a slot keeps its place in the log for a reader. */

interface Waiting {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const POLL_MS = 100;
/** Longest time until a reader releases its slot, ms; then its session is ended. */
const LEFT_WITHIN_MS = 10_000;
/** Longest time for readers to begin, ms: a snapshot comes first. */
const BEGUN_WITHIN_MS = 60_000;

interface Slot {
  readonly slot_name: string;
  readonly active: boolean;
}

function slotsOf(database: Database, names: readonly string[]) {
  return database.rows<Slot>(
    'SELECT slot_name, active FROM pg_replication_slots WHERE slot_name = ANY ($1::text[])',
    [names],
  );
}

/** Waits until every slot has a reader: from then on a commit is read within milliseconds. */
export async function slotsRead(
  address: PostgresAddress,
  names: readonly string[],
  { clock, signal }: Waiting,
): Promise<void> {
  await using database = await openDatabase(address);
  const startedMs = clock.monotonicMs();
  for (;;) {
    const read = (await slotsOf(database, names)).filter(({ active }) => active);
    if (read.length === names.length) return;
    if (clock.monotonicMs() - startedMs > BEGUN_WITHIN_MS) {
      throw stackBroke(
        `nothing reads the log of Postgres after ${BEGUN_WITHIN_MS / 1000} s`,
        'see connect.log in the run folder',
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** Removes the slots of connectors that were removed, for which the database would keep its log, and their publications. */
export async function dropSlots(
  address: PostgresAddress,
  names: readonly string[],
  { clock, signal }: Waiting,
): Promise<void> {
  await using database = await openDatabase(address);
  const startedMs = clock.monotonicMs();
  for (;;) {
    const slots = await slotsOf(database, names);
    for (const { slot_name, active } of slots) {
      if (!active) await database.rows('SELECT pg_drop_replication_slot($1)', [slot_name]);
      else if (clock.monotonicMs() - startedMs > LEFT_WITHIN_MS) {
        await database.rows(
          'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
          [slot_name],
        );
      }
    }
    if (slots.every(({ active }) => !active)) break;
    await clock.sleep(POLL_MS, signal);
  }
  for (const name of names) await database.rows(`DROP PUBLICATION IF EXISTS ${identifier(name)}`);
}

/** Names of slots and of schemas in the database. */
interface DatabaseNames {
  readonly slots: readonly string[];
  readonly schemas: readonly string[];
}

/** The slots and schemas whose names begin with this prefix. */
export async function namesInDatabase(
  address: PostgresAddress,
  prefix: string,
): Promise<DatabaseNames> {
  await using database = await openDatabase(address);
  const named = async (column: string, table: string) => {
    const rows = await database.rows<{ name: string }>(
      `SELECT ${column} AS name FROM ${table} WHERE starts_with(${column}, $1) ORDER BY name`,
      [prefix],
    );
    return rows.map(({ name }) => name);
  };
  return {
    slots: await named('slot_name', 'pg_replication_slots'),
    schemas: await named('nspname', 'pg_namespace'),
  };
}

/** Removes everything with this prefix: slots, publications and schemas with their tables. */
export async function removeFromDatabase(
  address: PostgresAddress,
  prefix: string,
  waiting: Waiting,
): Promise<void> {
  const { slots, schemas } = await namesInDatabase(address, prefix);
  await dropSlots(address, slots, waiting);
  await using database = await openDatabase(address);
  for (const name of schemas) {
    await database.rows(`DROP SCHEMA IF EXISTS ${identifier(name)} CASCADE`);
  }
}
