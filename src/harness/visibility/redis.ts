import { rm, writeFile } from 'node:fs/promises';
import { stackBroke } from '../../core/errors.ts';
import { quoted } from '../../core/sql.ts';
import { type Dataset, READ_FROM } from '../../topology/dataset.ts';
import { type LoggedBatch, readLog, rowsOf, versionsIn } from '../clients/hot-view.ts';
import { openRedis, type Redis } from '../clients/redis.ts';
import type { FactRow } from '../facts.ts';
import { isMarker } from '../load/marker.ts';
import { countedStaleness } from './counted-staleness.ts';
import {
  type CommitRead,
  type Followed,
  type FoundCommit,
  type Poll,
  type Sighted,
  type SourceOpener,
  VANISHED,
  type VisibilityContext,
  type VisibilitySource,
} from './visibility.ts';

/**
 * A view in Redis, whose writer logs what it applies. A poll reads the log and then some of the logged rows, as a reader
 * would: they must be there. Everything that a poll finds is one commit.
 */
export const redis: SourceOpener = { servers: READ_FROM.redis, open };

/** Interval between the starts of two polls, ms: the log is in memory. */
const POLL_MS = 50;
/** Rows of a poll that are read by a GET each, the newest ones. */
const READ_ROWS = 50;

async function open(context: VisibilityContext): Promise<VisibilitySource> {
  const { stack, place, facts } = context;
  const at = stack.endpoints.redis;
  if (at === null) {
    throw stackBroke('these servers have no Redis, which a dataset of the pipeline is in');
  }
  const connection = await openRedis(at);
  const nameOf = ({ name }: Dataset) => `${place.namespace}.${name}`;
  return {
    follow: (dataset) => new FollowedView(connection, dataset, nameOf(dataset), context),
    files: async () => null,
    storage: async () => ({ objects: 0, bytes: 0, orphans: 0, orphanBytes: 0, orphanKeys: [] }),
    async copy(dataset, path) {
      const lines: string[] = [];
      for await (const rows of rowsOf(connection, nameOf(dataset))) {
        lines.push(...rows.map((row) => `${JSON.stringify(row)}\n`));
      }
      const text = `${path}.ndjson`;
      const sql = await facts.connect();
      try {
        await writeFile(text, lines.join(''));
        await sql.run(`COPY (SELECT * FROM read_json(${quoted(text)}, format = 'newline_delimited',
          columns = {${Object.entries(COLUMNS)
            .map(([name, type]) => `${name}: '${type}'`)
            .join(', ')}})) TO ${quoted(path)} (FORMAT parquet)`);
      } finally {
        sql.close();
        await rm(text, { force: true });
      }
    },
    close: async () => connection.close(),
  };
}

/** Columns of a row that the oracles read, see truth/read-tables.ts. */
const COLUMNS = {
  store_id: 'INTEGER',
  sku_id: 'INTEGER',
  version: 'BIGINT',
  on_hand: 'INTEGER',
  event_ts: 'BIGINT',
  deleted: 'BOOLEAN',
} as const;

type Cell = FactRow[string];

/** Answer of Redis, unless the poll is given up before; then it changes nothing. */
function answered<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The batches after `known` that the log no longer has; null: none. */
function missingIn(
  { batch, batches }: Awaited<ReturnType<typeof readLog>>,
  known: number,
): string | null {
  const before = (batches[0]?.batch ?? batch + 1) - 1;
  return before === known
    ? null
    : `batches ${known + 1} to ${before} were no longer in the log when a poll came`;
}

class FollowedView implements Followed {
  readonly everyMs = POLL_MS;
  readonly #redis: Redis;
  readonly #dataset: Dataset;
  readonly #name: string;
  readonly #context: VisibilityContext;
  #epoch: string | null = null;
  #after: string | null = null;
  #batch = 0;
  #missedMs: number | null = null;
  /** Of the last commit. */
  #id: string | null = null;
  #commits = 0;

  constructor(redis: Redis, dataset: Dataset, name: string, context: VisibilityContext) {
    this.#redis = redis;
    this.#dataset = dataset;
    this.#name = name;
    this.#context = context;
  }

  async poll(signal: AbortSignal): Promise<Poll> {
    const { clock } = this.#context;
    const startMs = clock.nowMs();
    const lastEpoch = this.#epoch;
    let log = await answered(signal, readLog(this.#redis, this.#name, this.#after));
    // Another epoch has another log.
    if (log.epoch !== lastEpoch && this.#after !== null) {
      log = await answered(signal, readLog(this.#redis, this.#name, null));
    }
    const contradiction = await answered(signal, this.#unlike(log.batches));
    // From here on nothing fails: a poll has found everything, or nothing.
    const times = { missedMs: this.#missedMs, seenMs: clock.nowMs() };
    this.#missedMs = startMs;
    const gone = log.epoch !== lastEpoch ? this.#otherEpoch(log.epoch, times) : [];
    const missing = missingIn(log, this.#batch);
    this.#batch = log.batch;
    const last = log.batches.at(-1);
    if (last === undefined) return { found: gone, gap: missing };
    this.#after = last.id;
    const found = [...gone, this.#found(log.batches, last, times)];
    return { found, gap: contradiction ?? missing };
  }

  /** Redis has lost what the view had: the rows that were shown are gone. */
  #otherEpoch(epoch: string | null, times: Pick<Sighted, 'missedMs' | 'seenMs'>) {
    const lost: FoundCommit[] = [];
    if (this.#id !== null) {
      const snapshot = this.#snapshot('lost', times.seenMs, VANISHED);
      const sighted = { snapshot, ...times };
      lost.push({ ...sighted, read: () => this.#write(sighted, [], 0) });
    }
    this.#epoch = epoch;
    this.#after = null;
    this.#batch = 0;
    this.#id = null;
    return lost;
  }

  #found(
    batches: readonly LoggedBatch[],
    last: LoggedBatch,
    times: Pick<Sighted, 'missedMs' | 'seenMs'>,
  ): FoundCommit {
    const snapshot = this.#snapshot(`${last.batch}`, last.atMs, 'overwrite');
    const sighted = { snapshot, ...times };
    const rows = batches.flatMap((batch) => batch.rows);
    return { ...sighted, read: () => this.#write(sighted, rows, last.held) };
  }

  #snapshot(name: string, timestampMs: number, operation: string): Sighted['snapshot'] {
    const [id, parentId] = [`${this.#epoch}/${name}`, this.#id];
    this.#id = id;
    this.#commits += 1;
    return { id, parentId, sequenceNumber: this.#commits, timestampMs, operation, summary: {} };
  }

  /** What a reader gets of the newest rows of these batches, if it contradicts the log. */
  async #unlike(batches: readonly LoggedBatch[]): Promise<string | null> {
    const logged = new Map<string, bigint>();
    for (const row of batches.flatMap(({ rows }) => rows).slice(-READ_ROWS)) {
      logged.set(`${row.store_id}/${row.sku_id}`, BigInt(row.version as number));
    }
    const keys = [...logged.keys()];
    const versions = await versionsIn(this.#redis, this.#name, keys);
    const at = versions.findIndex(
      (version, i) => version === null || BigInt(version) < (logged.get(keys[i] as string) ?? 0n),
    );
    if (at < 0) return null;
    const key = keys[at] as string;
    return `the log has version ${logged.get(key)} of row ${key}, and a GET gives ${versions[at] ?? 'none'}`;
  }

  async #write(
    { snapshot, missedMs, seenMs }: Sighted,
    rows: readonly Readonly<Record<string, unknown>>[],
    held: number,
  ): Promise<CommitRead> {
    const { facts, clock, t0Ms } = this.#context;
    const own = (row: Readonly<Record<string, unknown>>, name: string) =>
      (row[name] ?? null) as Cell;
    const sightings = rows.map(
      (row, i): FactRow => ({
        ...{ table_name: this.#dataset.name, snapshot_id: snapshot.id, row_no: i + 1 },
        ...Object.fromEntries(
          ['event_id', 'store_id', 'sku_id', 'version', 'occurred_ms', 'due_ms', 'kafka_ms'].map(
            (name) => [name, own(row, name)],
          ),
        ),
        flink_ms: own(row, 'view_ms'),
      }),
    );
    await facts.append('sightings', sightings);
    await facts.append('commits', [
      {
        ...{ table_name: this.#dataset.name, snapshot_id: snapshot.id },
        ...{ parent_id: snapshot.parentId, sequence_number: snapshot.sequenceNumber },
        ...{ operation: snapshot.operation, snapshot_ms: snapshot.timestampMs },
        ...{ missed_ms: missedMs, seen_ms: seenMs, read_ms: clock.nowMs() },
        ...{ added_rows: rows.length, live_rows: held },
      },
    ]);
    return {
      rows: rows.length,
      markers: sightings.flatMap(({ event_id: id }) => (isMarker(id) ? [String(id)] : [])),
      staleness: countedStaleness(sightings, { seenMs, sinceMs: t0Ms() ?? seenMs }),
      files: { data: 0, equalityDeletes: 0, positionDeletes: 0, dvs: 0, dataBytes: [] },
    };
  }
}
