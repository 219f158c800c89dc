import { expect, test } from 'vitest';
import { candidatesOf, removeOrphansSql } from './orphans.ts';

const NOW = 1_795_788_000_000;
const file = (name: string, ageMs: number) => ({
  ...{ path: `s3://b/t/${name}`, bytes: 10, modifiedMs: NOW - ageMs },
});
const commit = (sequenceNumber: number, operation = 'append') => ({
  ...{ sequenceNumber, operation, manifestList: `s3://b/t/snap-${sequenceNumber}` },
});
const names = (files: readonly { readonly path: string }[]) =>
  files.map(({ path }) => path.slice('s3://b/t/'.length));
const lists = (agesMs: readonly number[]) => agesMs.map((ageMs, i) => file(`snap-${i + 1}`, ageMs));

test('a file is removable a minute after it was written, if three commits came after it', () => {
  const found = candidatesOf(
    [...lists([90_000, 80_000, 70_000]), file('old', 90_001), file('older', 900_000)],
    [commit(1), commit(2), commit(3)],
    NOW,
  );
  expect(names(found)).toEqual(['old', 'older']);
});

test('a commit every second does not shorten the minute', () => {
  const found = candidatesOf(
    [...lists([3_000, 2_000, 1_000]), file('young', 59_999), file('old', 60_001)],
    [commit(1), commit(2), commit(3)],
    NOW,
  );
  expect(names(found)).toEqual(['old']);
});

test('while nothing is committed, what waits for its commit is never removable, however old it is', () => {
  const hour = 3_600_000;
  const found = candidatesOf(
    [...lists([hour + 3, hour + 2, hour + 1]), file('waiting', hour), file('orphan', hour + 4)],
    [commit(1), commit(2), commit(3)],
    NOW,
  );
  expect(names(found)).toEqual(['orphan']);
});

test('a rewrite is no commit of a writer, and too few commits say nothing', () => {
  const files = [...lists([90_000, 80_000, 70_000, 65_000]), file('old', 900_000)];
  const rewritten = [commit(1), commit(2, 'replace'), commit(3), commit(4, 'replace')];
  expect(candidatesOf(files, rewritten, NOW)).toEqual([]);
  expect(candidatesOf(files, [], NOW)).toEqual([]);
  expect(names(candidatesOf(files, [...rewritten, commit(5)], NOW))).toEqual(['old']);
});

test('the order of the listing and of the snapshots does not matter', () => {
  const files = [file('old', 90_001), ...lists([90_000, 80_000, 70_000]).toReversed()];
  const found = candidatesOf(files, [commit(3), commit(1), commit(2)], NOW);
  expect(names(found)).toEqual(['old']);
});

test('each table has a list of its own, in which a quote ends nothing; one without candidates is left out', () => {
  const sql = removeOrphansSql([
    { table: 'ns.stock', files: [file("it's\\", 1), file('b', 2)] },
    { table: 'ns.empty', files: [] },
    { table: 'ns.pos', files: [file('c', 1)] },
  ]);
  expect(sql).toContain("('s3://b/t/it\\'s\\\\'),\n    ('s3://b/t/b') AS listed(path);");
  expect(
    [...sql.matchAll(/table => '([^']+)', file_list_view => '([^']+)'/g)].map((m) => m.slice(1)),
  ).toEqual([
    ['ns.stock', 'doorbuster_candidates_0'],
    ['ns.pos', 'doorbuster_candidates_1'],
  ]);
  expect(removeOrphansSql([])).toBe('');
});
