import type { SERVERS } from '../core/metrics.ts';
import { STREAMS, type Stream } from '../scenario/scenario.ts';

type ServerName = (typeof SERVERS)[number];

/**
 * The kind of records of each stream. `events`: each record is a row, identified by its columns `identity`. `images`:
 * each record is a version of a row; `key` identifies the row, `version` orders its images.
 */
export const STREAM_RECORDS = {
  pos: { are: 'events', identity: ['event_id'] },
  wms: { are: 'events', identity: ['event_id'] },
  cart: { are: 'events', identity: ['event_id'] },
  loyalty: { are: 'events', identity: ['event_id'] },
  inventory: { are: 'images', key: ['store_id', 'sku_id'], version: 'version' },
} as const satisfies Readonly<Record<Stream, EventRecords | ImageRecords>>;

interface EventRecords {
  readonly are: 'events';
  readonly identity: readonly string[];
}

interface ImageRecords {
  readonly are: 'images';
  readonly key: readonly string[];
  readonly version: string;
}

type StreamRecords = typeof STREAM_RECORDS;
type ImageStream = {
  [S in Stream]: StreamRecords[S]['are'] extends 'images' ? S : never;
}[Stream];
export type EventStream = Exclude<Stream, ImageStream>;

/** Value of `carries` for the records that the pipeline rejected. */
export const REJECTED = 'rejected';
/** A rejected record is identified by its position in the log, because its payload may be unreadable. */
export const REJECTED_IDENTITY = ['topic', 'part', 'kafka_offset'] as const;
export const CARRIED = [...STREAMS, REJECTED] as const;

/**
 * Semantics of a table. `append`: one row per event, from its first append; `upsert`: one row per key, with its highest
 * version; `ledger`: one row per key and version.
 */
export const SEMANTICS = ['append', 'upsert', 'ledger'] as const;

/** Source that observes when a row becomes visible to a reader. */
export const VISIBILITY = ['iceberg', 'redis', 'in-process', 'parquet', 'ducklake'] as const;

/** The servers that a reader of each kind of dataset asks: while one of them is down, no reader sees a change. */
export const READ_FROM = {
  iceberg: ['minio', 'catalog'],
  redis: ['redis'],
  'in-process': [],
  parquet: ['minio'],
  ducklake: ['minio'],
} as const satisfies Readonly<Record<(typeof VISIBILITY)[number], readonly ServerName[]>>;

/**
 * Part of the rows that a dataset keeps. `hot`: the rows that the pipeline has chosen. It is judged by the rows that it
 * was ever seen to hold, and a change counts from the version after the one with which its row came in.
 */
export const SUBSETS = ['hot'] as const;

/** What becomes of a record that arrives again. */
export const COPIES = ['dropped', 'kept'] as const;

interface Common {
  /** The table's name, without its namespace. Facts, metrics and checks name the dataset by it. */
  readonly name: string;
  /** The layer of the lakehouse it belongs to (bronze, silver, gold …), in the pipeline's own words. */
  readonly layer: string | null;
  /** Columns with other names in the table: our name → its name. */
  readonly columns: Readonly<Record<string, string>>;
  readonly visibility: (typeof VISIBILITY)[number];
  /** `kept`: the pipeline does not drop copies of a record. CONTRACT counts them all the same. Absent: it drops them. */
  readonly copies?: 'kept' | undefined;
}

/** Events, each once; `firstOf` are the columns that identify an event. */
export interface EventDataset extends Common {
  readonly carries: EventStream;
  readonly semantics: 'append';
  readonly firstOf: readonly string[];
}

/** Images of rows: the newest of each key (`upsert`), or all of them (`ledger`). */
export interface ImageDataset extends Common {
  readonly carries: ImageStream;
  readonly semantics: 'upsert' | 'ledger';
  readonly key: readonly string[];
  readonly version: string;
  /** null: it keeps the row of every key. */
  readonly subset: (typeof SUBSETS)[number] | null;
}

/** The records that the pipeline rejected, each once. */
export interface RejectedDataset extends Common {
  readonly carries: typeof REJECTED;
  readonly semantics: 'append';
  readonly firstOf: readonly string[];
}

/** A table of the pipeline under test, and what its rows mean. */
export type Dataset = EventDataset | ImageDataset | RejectedDataset;

/** A dataset that carries a stream. */
export type StreamDataset = EventDataset | ImageDataset;

export function holdsImages(dataset: Dataset): dataset is ImageDataset {
  return dataset.semantics !== 'append';
}

/** Whether a dataset keeps only a part of the rows. */
export function isSubset(dataset: Dataset): dataset is ImageDataset {
  return holdsImages(dataset) && dataset.subset !== null;
}

/**
 * The table of the current stock, in which canaries are polled: the first table that keeps only the newest image,
 * otherwise the first that keeps all images. null: the pipeline has none. A subset is no view of the stock.
 */
export function stockView(datasets: readonly Dataset[]): ImageDataset | null {
  const images = datasets.filter(holdsImages).filter((one) => !isSubset(one));
  return images.find(({ semantics }) => semantics === 'upsert') ?? images[0] ?? null;
}

/** The table's name of one of our columns. */
export function columnOf({ columns }: Pick<Dataset, 'columns'>, name: string): string {
  return columns[name] ?? name;
}

export function holdsRejected(dataset: Dataset): dataset is RejectedDataset {
  return dataset.carries === REJECTED;
}

export function carriesStream(dataset: Dataset): dataset is StreamDataset {
  return dataset.carries !== REJECTED;
}
