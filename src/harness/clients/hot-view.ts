import type { Redis } from './redis.ts';

/**
 * A view of rows in Redis. One key per row, a hash of its `version` and the `row` as JSON, so that a reader needs one
 * HGET. Next to the rows a log of the batches that were applied (a stream, for those that follow the view), and the state:
 * the `epoch` of its writer, the number of batches and of rows. Rows, log and state change in one script, atomically.
 */
interface ViewKeys {
  readonly state: string;
  readonly log: string;
  /** What the keys of rows begin with. */
  readonly rows: string;
}

function keysOf(name: string): ViewKeys {
  return { state: `${name}:state`, log: `${name}:log`, rows: `${name}:row:` };
}

/** A version of a row to write. */
export interface ViewRow {
  /** Its key in the view, such as `12/4711`. */
  readonly key: string;
  /** A decimal integer without leading zeros. */
  readonly version: string;
  /** The row as JSON. */
  readonly row: string;
}

/** A batch that was applied, as the log has it. */
export interface LoggedBatch {
  /** Its place in the log. */
  readonly id: string;
  /** From 1, without a gap, in the epoch. */
  readonly batch: number;
  /** When it was written by Redis's clock, epoch ms. */
  readonly atMs: number;
  /** Rows that the view held after it. */
  readonly held: number;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** State of a view. */
interface ViewState {
  /** Which life of the view it is: Redis loses everything with its process. null: no writer has begun. */
  readonly epoch: string | null;
  readonly batch: number;
}

/** Rows of one call of the script. */
const BATCH_ROWS = 500;
/** How long the log keeps a batch, ms: a reader that comes later finds a gap. */
const KEEPS_MS = 60_000;

/**
 * Writes the rows whose version is higher than that of the view, and logs them. Returns the number of these, or -1 if the
 * view is no longer of this epoch, and then writes nothing. Versions are compared as text: a number of Lua is exact up to
 * 2^53 only.
 */
const WRITE = `
local state, log, prefix = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HGET', state, 'epoch') ~= ARGV[1] then return -1 end
local function newer(a, b)
  local below = string.sub(a, 1, 1) == '-'
  if below ~= (string.sub(b, 1, 1) == '-') then return not below end
  if below then a, b = string.sub(b, 2), string.sub(a, 2) end
  if #a ~= #b then return #a > #b end
  return a > b
end
local applied, added = {}, 0
for i = 3, #ARGV, 3 do
  local key, version = prefix .. ARGV[i], ARGV[i + 1]
  local known = redis.call('HGET', key, 'version')
  if not known or newer(version, known) then
    redis.call('HSET', key, 'version', version, 'row', ARGV[i + 2])
    applied[#applied + 1] = ARGV[i + 2]
    if not known then added = added + 1 end
  end
end
if #applied > 0 then
  local batch = redis.call('HINCRBY', state, 'batch', 1)
  local held = redis.call('HINCRBY', state, 'rows', added)
  local now = redis.call('TIME')
  local oldest = string.format('%.0f', now[1] * 1000 - tonumber(ARGV[2]))
  redis.call('XADD', log, 'MINID', '~', oldest, '*', 'batch', batch, 'held', held,
    'rows', '[' .. table.concat(applied, ',') .. ']')
end
return #applied`;

/** Starts a new epoch of a view: what it held is gone. */
export async function beginView(redis: Redis, name: string, epoch: string): Promise<void> {
  await removeView(redis, name);
  await redis.send(['HSET', keysOf(name).state, 'epoch', epoch, 'batch', '0', 'rows', '0']);
}

/**
 * Applies rows of different keys, in calls of 500; the number of those that were newer. null: the view has lost what this
 * epoch wrote. A repetition applies nothing.
 */
export async function writeView(
  redis: Redis,
  { name, epoch }: { readonly name: string; readonly epoch: string },
  rows: readonly ViewRow[],
): Promise<number | null> {
  const { state, log, rows: prefix } = keysOf(name);
  let applied = 0;
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const some = rows.slice(from, from + BATCH_ROWS);
    const reply = Number(
      await redis.send([
        ...['EVAL', WRITE, '3', state, log, prefix, epoch, String(KEEPS_MS)],
        ...some.flatMap(({ key, version, row }) => [key, version, row]),
      ]),
    );
    if (reply < 0) return null;
    applied += reply;
  }
  return applied;
}

/** Whether a view is still of this epoch. */
export async function isOfEpoch(redis: Redis, name: string, epoch: string): Promise<boolean> {
  return (await redis.send(['HGET', keysOf(name).state, 'epoch'])) === epoch;
}

/** The state of a view, and what its log has after a place; null: from its beginning. */
export async function readLog(
  redis: Redis,
  name: string,
  after: string | null,
): Promise<ViewState & { readonly batches: readonly LoggedBatch[] }> {
  const { state, log } = keysOf(name);
  const [fields, entries] = await redis.atomically([
    ['HMGET', state, 'epoch', 'batch'],
    ['XRANGE', log, after === null ? '-' : `(${after}`, '+'],
  ]);
  const [epoch, batch] = fields as (string | null)[];
  return {
    ...{ epoch: epoch ?? null, batch: Number(batch ?? 0) },
    batches: (entries as [string, string[]][]).map(([id, values]) => {
      const of = (field: string) => values[values.indexOf(field) + 1] as string;
      return {
        ...{ id, batch: Number(of('batch')), held: Number(of('held')) },
        atMs: Number(id.split('-')[0]),
        rows: JSON.parse(of('rows')),
      };
    }),
  };
}

/** The versions that a reader of these rows gets, each with a GET of its own; null: there is no such row. */
export async function versionsIn(
  redis: Redis,
  name: string,
  keys: readonly string[],
): Promise<readonly (string | null)[]> {
  const { rows } = keysOf(name);
  const replies = keys.map((key) => redis.send(['HGET', `${rows}${key}`, 'version']));
  return (await Promise.all(replies)) as (string | null)[];
}

/** Every row of a view that has no writer any more, in no order. */
export async function* rowsOf(
  redis: Redis,
  name: string,
): AsyncGenerator<readonly Readonly<Record<string, unknown>>[]> {
  for await (const keys of scanned(redis, `${keysOf(name).rows}*`)) {
    const rows = await Promise.all(keys.map((key) => redis.send(['HGET', key, 'row'])));
    yield rows.flatMap((row) => (row === null ? [] : [JSON.parse(row as string)]));
  }
}

/** Removes a view, or with a name that ends in `*` all views that begin with it. Gives the number of keys. */
export async function removeView(redis: Redis, name: string): Promise<number> {
  let removed = 0;
  for await (const keys of scanned(redis, `${name}:*`)) {
    removed += Number(await redis.send(['UNLINK', ...keys]));
  }
  return removed;
}

/** Keys of a pattern, in portions without a repetition. */
async function* scanned(redis: Redis, pattern: string): AsyncGenerator<readonly string[]> {
  const seen = new Set<string>();
  let cursor = '0';
  do {
    const reply = await redis.send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000']);
    const [next, found] = reply as [string, string[]];
    cursor = next;
    const fresh = [...new Set(found)].filter((key) => !seen.has(key));
    for (const key of fresh) seen.add(key);
    if (fresh.length > 0) yield fresh;
  } while (cursor !== '0');
}
