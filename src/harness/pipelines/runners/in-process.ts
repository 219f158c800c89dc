import { decode } from '../../../generators/decode.ts';
import { FIRST_CANARY_SKU } from '../../../generators/event.ts';
import { WIRE, type WireType } from '../../../generators/wire-schema.ts';
import type { Stream } from '../../../scenario/scenario.ts';
import {
  columnOf,
  type Dataset,
  holdsImages,
  holdsRejected,
  type StreamDataset,
} from '../../../topology/dataset.ts';
import { datasetsOf, rejectedOf } from '../../../topology/manifest.ts';
import type { Injected } from '../../../topology/stages.ts';
import type { LogRecord } from '../../clients/in-process-log.ts';
import { rowNamedFor, type TableRow } from '../../clients/in-process-tables.ts';
import { isMarker } from '../../load/marker.ts';
import { topicOf } from '../../run-namespace.ts';
import { type InProcessStore, inProcessOf } from '../../stack/in-process.ts';
import type { DeployOptions, StageOf, StageRunner } from './runner.ts';

const TYPES: Readonly<Record<WireType, string>> = {
  STRING: 'VARCHAR',
  INT: 'INTEGER',
  BIGINT: 'BIGINT',
  BOOLEAN: 'BOOLEAN',
};

/**
 * A stage in this process: at every commit interval it decodes what was appended since, keeps the first message of each
 * event and the highest version of each row, and commits. It injects the defects that the pipeline declares.
 */
export const inProcess: StageRunner<'in-process'> = {
  run: 'in-process',
  servers: [],
  async deploy({ pipeline, stage, streams }, options) {
    const { clock, signal, stack, scenario } = options;
    const store = inProcessOf(stack);
    const { manifest, place } = pipeline;
    const tableOf = ({ name }: Dataset) => `${place.namespace}.${name}`;
    const datasets = datasetsOf(manifest, scenario.traffic);
    for (const dataset of datasets) await createTable(store, tableOf(dataset), dataset);
    const readers = streams.map(
      (stream) => new StreamReader({ stream, pipeline, stage, streams }, store, options),
    );
    const over = new AbortController();
    const ends = AbortSignal.any([signal, over.signal]);
    const commit = async (everything: boolean) => {
      for (const reader of readers) await reader.commit(everything);
    };
    const working = (async () => {
      const startedMs = clock.nowMs();
      for (let n = 1; ; n++) {
        const dueMs = startedMs + n * scenario.pipeline.commitEveryMs;
        await clock.sleep(Math.max(0, dueMs - clock.nowMs()), ends);
        await commit(false);
      }
    })().catch((error: unknown) => {
      if (!ends.aborted) throw error;
    });
    // `watch` reports the error; without a watcher it must not be an unhandled rejection.
    working.catch(() => undefined);
    const stop = async () => {
      over.abort();
      await working;
    };
    return {
      jobs: streams.map((name) => ({ name, jobId: `in-process-${name}` })),
      async watch(until) {
        const ended = new Promise<void>((resolve) => {
          until.addEventListener('abort', () => resolve(), { once: true });
          if (until.aborted) resolve();
        });
        await Promise.race([working, ended]);
      },
      async drain() {
        await stop();
        await commit(true);
      },
      explain: async () => [],
      [Symbol.asyncDispose]: () => stop().catch(() => undefined),
    };
  },
};

async function createTable(
  { tables }: InProcessStore,
  name: string,
  dataset: Dataset,
): Promise<void> {
  const own = (column: string) => columnOf(dataset, column);
  const carried: Record<string, string> = holdsRejected(dataset)
    ? {
        topic: 'VARCHAR',
        part: 'INTEGER',
        kafka_offset: 'BIGINT',
        reason: 'VARCHAR',
        payload: 'VARCHAR',
      }
    : Object.fromEntries(
        WIRE[dataset.carries].fields
          .filter(({ need }) => need !== 'unread')
          .map((field) => [field.name, TYPES[field.type]]),
      );
  const columns = { ...carried, kafka_ms: 'BIGINT', flink_ms: 'BIGINT' };
  await tables.create(name, {
    columns: Object.fromEntries(
      Object.entries(columns).map(([column, type]) => [own(column), type]),
    ),
    key: holdsImages(dataset) && dataset.semantics === 'upsert' ? dataset.key : null,
  });
}

/** How long a stage remembers the id of an event, ms, as the state of a Flink job has a time to live. */
const REMEMBERS_MS = 600_000;

/** A record and its offset. */
interface PositionedRecord {
  readonly record: LogRecord;
  readonly part: number;
  readonly offset: number;
}

/** Reads one stream for the datasets that carry it. */
class StreamReader {
  readonly #of: StageOf<'in-process'> & { readonly stream: Stream };
  readonly #store: InProcessStore;
  readonly #options: DeployOptions;
  readonly #inject: Injected;
  /** Next offset of each partition. */
  readonly #next: number[];
  /** Newest version of each row that is upserted. */
  readonly #versions = new Map<string, number>();
  /** When each event, or image of a ledger, was written, oldest first. */
  readonly #writtenMs = new Map<string, number>();
  #taken = 0;

  constructor(
    of: StageOf<'in-process'> & { readonly stream: Stream },
    store: InProcessStore,
    options: DeployOptions,
  ) {
    this.#of = of;
    this.#store = store;
    this.#options = options;
    this.#inject = of.stage.inject;
    this.#next = store.log.sizes(topicOf(of.pipeline.place, of.stream)).map(() => 0);
  }

  /** Commits the records that have waited long enough, or all of them. */
  async commit(everything: boolean): Promise<void> {
    const { stream, pipeline } = this.#of;
    const { manifest, place } = pipeline;
    const nowMs = this.#options.clock.nowMs();
    const untilMs = everything ? Number.POSITIVE_INFINITY : nowMs - this.#inject.delay_ms;
    this.#forget(nowMs - REMEMBERS_MS);
    const accepted: TableRow[] = [];
    const rejected: TableRow[] = [];
    for (const { record, part, offset } of this.#take(untilMs)) {
      const stamps = { kafka_ms: record.appendedMs, flink_ms: nowMs };
      const decoded = decode(stream, record.value);
      if ('fields' in decoded) accepted.push({ ...decoded.fields, ...stamps });
      else {
        const payload = record.value === null ? null : Buffer.from(record.value).toString('latin1');
        const { rejection: reason } = decoded;
        rejected.push({ topic: stream, part, kafka_offset: offset, reason, payload, ...stamps });
      }
    }
    const { tables } = this.#store;
    const nameOf = ({ name }: Dataset) => `${place.namespace}.${name}`;
    for (const dataset of manifest.datasets) {
      if (dataset.carries !== stream) continue;
      const { rows, again } = this.#kept(dataset, accepted, nowMs);
      if (rows.length + again.length === 0) continue;
      await tables.commit(
        nameOf(dataset),
        rows.map(rowNamedFor(dataset)),
        again.map(rowNamedFor(dataset)),
      );
    }
    const letters = rejectedOf(manifest);
    if (rejected.length > 0)
      await tables.commit(nameOf(letters), rejected.map(rowNamedFor(letters)));
    const topic = topicOf(place, stream);
    for (const [part, next] of this.#next.entries()) this.#store.log.release(topic, part, next);
  }

  *#take(untilMs: number): Generator<PositionedRecord> {
    const topic = topicOf(this.#of.pipeline.place, this.#of.stream);
    for (const [part, from] of this.#next.entries()) {
      const records = this.#store.log.read(topic, part, from);
      for (const [i, record] of records.entries()) {
        if (record.appendedMs > untilMs) break;
        this.#next[part] = from + i + 1;
        yield { record, part, offset: from + i };
      }
    }
  }

  /** The rows that a dataset shows, and those that it shows twice. */
  #kept(
    dataset: StreamDataset,
    all: readonly TableRow[],
    nowMs: number,
  ): { readonly rows: readonly TableRow[]; readonly again: readonly TableRow[] } {
    const rows = new Map<string, TableRow>();
    const again: TableRow[] = [];
    for (const row of all) {
      const id = idOf(dataset, row);
      if (this.#isKnown(dataset, row, { key: `${dataset.name}/${id}`, nowMs })) continue;
      const fate = this.#fateOf(row);
      if (fate === 'lost') continue;
      rows.set(id, row);
      if (fate === 'twice') again.push(row);
    }
    return { rows: [...rows.values()], again };
  }

  /** Whether a row was written before, or a newer version of it; remembers it. */
  #isKnown(
    dataset: StreamDataset,
    row: TableRow,
    { key, nowMs }: { readonly key: string; readonly nowMs: number },
  ): boolean {
    if (holdsImages(dataset) && !this.#inject.version_guard) return false;
    if (holdsImages(dataset) && dataset.semantics === 'upsert') {
      const version = Number(row[dataset.version]);
      if (version <= (this.#versions.get(key) ?? Number.NEGATIVE_INFINITY)) return true;
      this.#versions.set(key, version);
      return false;
    }
    if (this.#writtenMs.has(key)) return true;
    this.#writtenMs.set(key, nowMs);
    return false;
  }

  #forget(beforeMs: number): void {
    for (const [key, atMs] of this.#writtenMs) {
      if (atMs >= beforeMs) return;
      this.#writtenMs.delete(key);
    }
  }

  /** The defect of a row; markers and canaries of the harness have none. */
  #fateOf(row: TableRow): 'lost' | 'twice' | 'kept' {
    if (isMarker(row.event_id) || Number(row.sku_id) >= FIRST_CANARY_SKU) return 'kept';
    this.#taken += 1;
    const { lose_every: lose, duplicate_every: duplicate } = this.#inject;
    if (lose !== undefined && this.#taken % lose === 0) return 'lost';
    return duplicate !== undefined && this.#taken % duplicate === 0 ? 'twice' : 'kept';
  }
}

/** Identity of a record in a dataset. */
function idOf(dataset: StreamDataset, row: TableRow): string {
  const columns = !holdsImages(dataset)
    ? dataset.firstOf
    : dataset.semantics === 'upsert'
      ? dataset.key
      : [...dataset.key, dataset.version];
  return columns.map((column) => row[column]).join('/');
}
