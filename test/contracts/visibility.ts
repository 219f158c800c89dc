import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/harness/facts.ts';
import type { Visibility } from '../../src/harness/visibility/sources.ts';
import type { CommitRead } from '../../src/harness/visibility/visibility.ts';
import type { Dataset } from '../../src/topology/dataset.ts';

/** Environment of the contract of a visibility source. */
export interface VisibilityFixture {
  readonly dataset: Dataset;
  readonly facts: Facts;
  readonly visibility: Visibility;
  /** Whether the rows are in files, and every commit is found by itself; otherwise a poll finds one commit. */
  readonly inFiles: boolean;
  /** Commits one row: an image of this version of row 1 in store 1, with a unique id. */
  commit(version: number, eventId: string): Promise<void>;
  /** Live data files after the first commit and after the second; a commit that replaces files leaves one. */
  readonly liveFiles?: readonly [number, number];
}

/** Contract of every visibility source. */
export function visibilityContract(kind: string, open: () => Promise<VisibilityFixture>): void {
  describe(`the visibility source ${kind}`, () => {
    test('finds every commit once, between a poll without it and one with it, and reads its rows', async () => {
      const { dataset, facts, visibility, inFiles, commit, liveFiles = [1, 2] } = await open();
      const { signal } = new AbortController();
      const followed = visibility.follow(dataset);
      expect(await followed.poll(signal)).toEqual({ found: [], gap: null });
      expect(visibility.copierOf(dataset) === null).toBe(inFiles);
      expect(await visibility.files(dataset, signal)).toBeNull();
      await commit(1, 'e-1');
      await commit(2, 'marker-contract-2');
      const { found, gap } = await followed.poll(signal);
      expect(gap).toBeNull();
      expect(found.map(({ snapshot }) => snapshot.parentId)).toEqual(
        inFiles ? [null, found[0]?.snapshot.id] : [null],
      );
      for (const { missedMs, seenMs } of found) {
        expect(missedMs).not.toBeNull();
        expect(seenMs).toBeGreaterThanOrEqual(missedMs as number);
      }
      const read = [];
      for (const one of found) read.push(await one.read(signal));
      const marked = [1, ['marker-contract-2']];
      expect(read.map(({ rows, markers }) => [rows, markers])).toEqual(
        inFiles ? [[1, []], marked] : [[2, marked[1]]],
      );
      expect((await followed.poll(signal)).found).toEqual([]);
      expect(
        await facts.rows(
          'SELECT event_id, store_id, sku_id, version FROM sightings ORDER BY version',
        ),
      ).toEqual([
        { event_id: 'e-1', store_id: 1, sku_id: 1, version: 1 },
        { event_id: 'marker-contract-2', store_id: 1, sku_id: 1, version: 2 },
      ]);
      const commits = await facts.rows<{ id: string; files: number | null }>(
        'SELECT snapshot_id AS id, data_files AS files FROM commits ORDER BY sequence_number',
      );
      expect(commits.map(({ id }) => id)).toEqual(found.map(({ snapshot }) => snapshot.id));
      expect(commits.map(({ files }) => files)).toEqual(inFiles ? liveFiles : [null]);
      if (!inFiles) return;

      const live = (await visibility.files(dataset, signal)) ?? [];
      expect(live.filter(({ content }) => content === 'data')).toHaveLength(liveFiles[1]);
      const { dataBytes, ...counts } = (read.at(-1) as CommitRead).files;
      expect(live.length).toBe(Object.values(counts).reduce((a, b) => a + b));
      const sizes = live.filter(({ content }) => content === 'data').map(({ bytes }) => bytes);
      expect(dataBytes.toSorted((a, b) => a - b)).toEqual(sizes.toSorted((a, b) => a - b));
      const { objects, bytes } = await visibility.storage(signal);
      expect(objects).toBeGreaterThanOrEqual(live.length);
      expect(bytes).toBeGreaterThan(0);
    });
  });
}
