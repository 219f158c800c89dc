import type { Stream } from '../../scenario/scenario.ts';
import {
  carriesStream,
  type Dataset,
  holdsImages,
  type ImageDataset,
  type StreamDataset,
  stockView,
} from '../../topology/dataset.ts';

/** Runs SQL where the facts of the run and the tables under test can both be named. */
export type Rows = <T = Record<string, unknown>>(sql: string) => Promise<readonly T[]>;

/** A dataset that no oracle can judge. */
export interface NotRead {
  readonly dataset: string;
  readonly reason: string;
}

/** What was read of the tables of a run, by the names of the datasets. */
export interface TableCopies {
  /** The copy of each dataset that was read: anything that may stand after FROM, with the columns of read-tables.ts. */
  readonly copies: Readonly<Record<string, string>>;
  /**
   * `dataset.column` of what holds nothing but NULL in the copy, since the pipeline's table does not have it: what it
   * would tell cannot be scored.
   */
  readonly absent: readonly string[];
  /** Datasets that no engine could read, each with the reason. */
  readonly notRead: readonly NotRead[];
  /** The engine that read each dataset. */
  readonly readBy: Readonly<Record<string, string>>;
}

/** The copies, and what their rows mean. */
export interface TablesUnderTest extends TableCopies {
  /** All that the run filled, read or not. */
  readonly datasets: readonly Dataset[];
}

/** A dataset that was read. */
export interface ReadDataset<D extends Dataset = Dataset> {
  readonly dataset: D;
  /** What may stand after FROM. */
  readonly copy: string;
  /** Whether its table has this column, by our name. */
  readonly has: (column: string) => boolean;
}

/** Those that were read, in the order of the pipeline. */
export function readDatasets({
  datasets,
  copies,
  absent,
}: TablesUnderTest): readonly ReadDataset[] {
  return datasets.flatMap((dataset) => {
    const copy = copies[dataset.name];
    if (copy === undefined) return [];
    return [{ dataset, copy, has: (column) => !absent.includes(`${dataset.name}.${column}`) }];
  });
}

/**
 * The datasets in which readers look at each stream, which are held against BOOK: of several that carry the stock the
 * view of it, of any other stream the first. Without those that were not read.
 */
export function readersDatasets(tables: TablesUnderTest): readonly ReadDataset<StreamDataset>[] {
  const view = stockView(tables.datasets);
  const streams = tables.datasets.filter(carriesStream);
  return readDatasets(tables).filter((read): read is ReadDataset<StreamDataset> => {
    const { dataset } = read;
    if (holdsImages(dataset)) return dataset === view;
    return streams.find(({ carries }) => carries === dataset.carries) === dataset;
  });
}

/** The one of a stream; undefined: there is none, or it was not read. */
export function readersDataset(
  tables: TablesUnderTest,
  stream: Stream,
): ReadDataset<StreamDataset> | undefined {
  return readersDatasets(tables).find(({ dataset }) => dataset.carries === stream);
}

export function readsImages(read: ReadDataset): read is ReadDataset<ImageDataset> {
  return holdsImages(read.dataset);
}
