import { basename } from 'node:path/posix';
import { badInput } from '../../core/errors.ts';
import { suggest } from '../../scenario/problems.ts';
import { type LockedDataset, readLock } from './lock.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import type { ProvisionOptions } from './provision.ts';
import { fetchArtifacts, missingArtifacts } from './setup.ts';

/** Reference to a file of a data set in a scenario: `dataset:completejourney/transactions.parquet`. */
const REFERENCE = /^dataset:([^/]*)\/?(.*)$/;

interface DatasetFile {
  readonly dataset: LockedDataset;
  /** Name of the file in the data set. */
  readonly file: string;
}

/** The file of a reference; an error text if there is none; undefined if it is a plain path. */
export function datasetFile(
  reference: string,
  lock = readLock(),
): DatasetFile | { readonly fact: string } | undefined {
  const [, name, file] = REFERENCE.exec(reference) ?? [];
  if (name === undefined || file === undefined) return undefined;
  const dataset = lock.datasets.find((one) => one.name === name);
  if (dataset === undefined) {
    const names = lock.datasets.map((one) => one.name);
    return { fact: `there is no data set "${name}": ${suggest(name, names)}` };
  }
  const files = dataset.extract.map((path) => basename(path));
  if (!files.includes(file)) {
    return { fact: `the data set ${name} has no file "${file}": ${suggest(file, files)}` };
  }
  return { dataset, file };
}

/** The data set of this name. Throws DoorbusterError if the lock has none. */
export function datasetNamed(name: string, lock = readLock()): LockedDataset {
  const found = lock.datasets.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = lock.datasets.map((one) => one.name);
  throw badInput(
    `there is no data set "${name}": ${suggest(name, names)}`,
    `doorbuster setup --with ${names[0]}`,
  );
}

/** Whether the cache has the complete data set. */
export function hasDataset(cacheDir: string, dataset: LockedDataset): boolean {
  return missingArtifacts({ cacheDir, onProgress: () => undefined }, [dataset]).length === 0;
}

/** Fetches a data set into the cache, with the tools that it needs. */
export async function fetchDataset(
  dataset: LockedDataset,
  options: ProvisionOptions,
): Promise<void> {
  if (!options.fetch) {
    await ensurePrerequisites({ ...options, needed: [dataset], missing: [dataset], tools: [] });
  }
  await fetchArtifacts({ ...options, lock: options.lock ?? readLock(), only: [dataset.name] });
}
