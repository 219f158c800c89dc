import { STREAMS, type Stream } from '../scenario/scenario.ts';

/**
 * What the records of each stream are. `events`: each record is a row by itself, known by its columns
 * `identity`. `images`: each record is a version of a row; `key` names the row, `version` orders its images.
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

/** What a dataset may carry besides a stream: the records that the pipeline refused. */
export const REJECTED = 'rejected';
/** A refused record is known by its position in the log: its payload may be unreadable. */
export const REJECTED_IDENTITY = ['topic', 'part', 'kafka_offset'] as const;
export const CARRIED = [...STREAMS, REJECTED] as const;

/**
 * How a table keeps what it carries. `append`: one row per event, the first append of it; `upsert`: one row per
 * key, the highest version of it; `ledger`: one row per key and version.
 */
export const SEMANTICS = ['append', 'upsert', 'ledger'] as const;

/** Where it is observed when a row becomes visible to a reader. */
export const VISIBILITY = ['iceberg', 'in-process'] as const;

interface Common {
  /** The table's name, without its namespace. Facts, metrics and checks name the dataset by it. */
  readonly name: string;
  /** The layer of the lakehouse it belongs to (bronze, silver, gold …), in the pipeline's own words. */
  readonly layer: string | null;
  /** Columns that the table calls otherwise: our name → its name. */
  readonly columns: Readonly<Record<string, string>>;
  readonly visibility: (typeof VISIBILITY)[number];
}

/** Events, each once: `firstOf` are the columns that tell two of them apart. */
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
}

/** The records that the pipeline refused, each once. */
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

/**
 * What a reader of the current stock queries, and what canaries are polled in: the first table that keeps the newest
 * image alone, else the first that keeps them all. null: the pipeline carries none.
 */
export function stockView(datasets: readonly Dataset[]): ImageDataset | null {
  const images = datasets.filter(holdsImages);
  return images.find(({ semantics }) => semantics === 'upsert') ?? images[0] ?? null;
}

/** What the table calls a column of ours. */
export function columnOf({ columns }: Pick<Dataset, 'columns'>, name: string): string {
  return columns[name] ?? name;
}

export function holdsRejected(dataset: Dataset): dataset is RejectedDataset {
  return dataset.carries === REJECTED;
}

export function carriesStream(dataset: Dataset): dataset is StreamDataset {
  return dataset.carries !== REJECTED;
}
