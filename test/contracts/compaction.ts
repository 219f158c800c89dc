import { expect } from 'vitest';
import type { FileEntry } from '../../src/harness/clients/iceberg.ts';
import type { CompactionResult } from '../../src/harness/pipelines/compactions/compaction.ts';

/** What a compaction on demand is tried on: a table with several data files and with equality deletes. */
export interface Uncompacted {
  readonly compact: () => Promise<CompactionResult>;
  /** What readers of the table are shown, in an order of its own. */
  readonly shown: () => Promise<unknown>;
  readonly files: () => Promise<readonly FileEntry[]>;
}

/** What holds of every compaction on demand: fewer files, the same rows, and a report that says which. */
export async function compactionContract({ compact, shown, files }: Uncompacted): Promise<void> {
  const [rows, before] = [await shown(), await files()];
  const of = (content: FileEntry['content'], all: readonly FileEntry[]) =>
    all.filter((file) => file.content === content);
  expect(of('data', before).length).toBeGreaterThan(1);
  expect(of('equality_delete', before).length).toBeGreaterThan(0);

  const done = await compact();
  expect(done).toMatchObject({ outcome: 'committed', error: null });
  const committedMs = done.committedMs as number;
  const readyMs = done.engineReadyMs as number;
  expect(done.startedMs).toBeLessThanOrEqual(readyMs);
  expect(done.startupMs).toBe(readyMs - done.startedMs);
  expect(done.wallMs).toBe(committedMs - readyMs);
  expect(done.wallMs).toBeGreaterThan(0);
  expect(done.coreSeconds).toBeGreaterThan(0);
  expect(done.tables).toHaveLength(1);

  const after = await files();
  expect(await shown()).toEqual(rows);
  expect(after.length).toBeLessThan(before.length);
  const kept = new Set(after.map(({ path }) => path));
  const removed = before.filter(({ path }) => !kept.has(path));
  const added = after.filter(({ path }) => !before.some((file) => file.path === path));
  expect(done).toMatchObject({
    rewrittenFiles: of('data', removed).length,
    addedFiles: of('data', added).length,
    rewrittenBytes: of('data', removed).reduce((total, { bytes }) => total + bytes, 0),
  });
  expect(done.rewrittenFiles).toBeGreaterThan(0);
  // A commit between the look and the start of the engine may have added some that are gone as well.
  const gone = of('equality_delete', removed).length + of('position_delete', removed).length;
  expect(gone).toBeGreaterThan(0);
  expect(done.removedDeleteFiles).toBeGreaterThanOrEqual(gone);
}
