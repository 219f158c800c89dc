import { basename } from 'node:path/posix';
import { badInput } from '../../core/errors.ts';
import { suggest } from '../../scenario/problems.ts';
import { type LockedDataset, readLock } from './lock.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import type { ProvisionOptions } from './provision.ts';
import { fetchArtifacts, whatIsMissing } from './setup.ts';

/** How a scenario writes a file of a data set: `dataset:completejourney/transactions.parquet`. */
const REFERENCE = /^dataset:([^/]*)\/?(.*)$/;

interface DatasetFile {
  readonly dataset: LockedDataset;
  /** Name of the file in it. */
  readonly file: string;
}

/** What a reference means: the file, a fact that it is none, or undefined when it is a plain path. */
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

/** The data set that was asked for by name. Throws DoorbusterError when the lock has none of it. */
export function datasetNamed(name: string, lock = readLock()): LockedDataset {
  const found = lock.datasets.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = lock.datasets.map((one) => one.name);
  throw badInput(
    `there is no data set "${name}": ${suggest(name, names)}`,
    `doorbuster setup --with ${names[0]}`,
  );
}

/** Whether all of it is in the cache. */
export function hasDataset(cacheDir: string, dataset: LockedDataset): boolean {
  return whatIsMissing({ cacheDir, onProgress: () => undefined }, [dataset]).length === 0;
}

/** Puts a data set into the cache, with the tools it takes. */
export async function fetchDataset(
  dataset: LockedDataset,
  options: ProvisionOptions,
): Promise<void> {
  if (!options.fetch)
    await ensurePrerequisites({ ...options, needed: [dataset], missing: [dataset] });
  await fetchArtifacts({ ...options, lock: options.lock ?? readLock(), only: [dataset.name] });
}
