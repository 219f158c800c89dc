import { grouped } from '../../core/grouped.ts';
import type { Dataset } from '../../topology/dataset.ts';
import { ducklake } from './ducklake.ts';
import { iceberg } from './iceberg.ts';
import { inProcess } from './in-process.ts';
import { parquet } from './parquet.ts';
import { redis } from './redis.ts';
import type {
  SourceOpener,
  StorageListing,
  VisibilityContext,
  VisibilityKind,
  VisibilitySource,
} from './visibility.ts';

/** Every visibility source. */
export const VISIBILITY_SOURCES: { readonly [K in VisibilityKind]: SourceOpener } = {
  iceberg,
  redis,
  'in-process': inProcess,
  parquet,
  ducklake,
};

/** The visibility sources of a run's datasets. The caller disposes them. */
export type Visibility = Omit<VisibilitySource, 'storage' | 'copy' | 'close'> &
  AsyncDisposable & {
    storage(signal: AbortSignal): Promise<StorageListing>;
    /** How to copy a dataset that no query engine reads; null: a query engine reads it. */
    copierOf(dataset: Dataset): ((path: string) => Promise<void>) | null;
  };

/** Opens one source per kind that the datasets name. */
export async function openVisibility(
  context: VisibilityContext,
  datasets: readonly Dataset[],
): Promise<Visibility> {
  const kinds = grouped(datasets, ({ visibility }) => visibility);
  const sources = new Map<VisibilityKind, VisibilitySource>();
  const close = async () => {
    for (const source of sources.values()) await source.close();
  };
  try {
    for (const kind of kinds.keys())
      sources.set(kind, await VISIBILITY_SOURCES[kind].open(context));
  } catch (error) {
    await close();
    throw error;
  }
  const sourceOf = ({ visibility }: Dataset) => sources.get(visibility) as VisibilitySource;
  return {
    follow: (dataset) => sourceOf(dataset).follow(dataset),
    files: (dataset, signal) => sourceOf(dataset).files(dataset, signal),
    copierOf(dataset) {
      const { copy } = sourceOf(dataset);
      return copy === undefined ? null : (path) => copy(dataset, path);
    },
    async storage(signal) {
      const listings: StorageListing[] = [];
      for (const [kind, own] of kinds) {
        listings.push(await (sources.get(kind) as VisibilitySource).storage(own, signal));
      }
      return listings.reduce(joined, NOTHING);
    },
    [Symbol.asyncDispose]: close,
  };
}

const NOTHING: StorageListing = {
  ...{ objects: 0, bytes: 0, orphans: 0, orphanBytes: 0, orphanKeys: [] },
};

function joined(a: StorageListing, b: StorageListing): StorageListing {
  return {
    objects: a.objects + b.objects,
    bytes: a.bytes + b.bytes,
    orphans: a.orphans + b.orphans,
    orphanBytes: a.orphanBytes + b.orphanBytes,
    orphanKeys: [...a.orphanKeys, ...b.orphanKeys].slice(0, 20),
  };
}
