import type { StorageListing } from './visibility.ts';

/** What a store holds, of which `isNamed` says whether metadata name it. */
export function listingOf(
  objects: readonly { readonly key: string; readonly bytes: number }[],
  isNamed: (key: string) => boolean,
): StorageListing {
  const orphans = objects.filter(({ key }) => !isNamed(key));
  const sum = (list: typeof objects) => list.reduce((total, { bytes }) => total + bytes, 0);
  return {
    ...{ objects: objects.length, bytes: sum(objects) },
    ...{ orphans: orphans.length, orphanBytes: sum(orphans) },
    orphanKeys: orphans.slice(0, 20).map(({ key }) => key),
  };
}
