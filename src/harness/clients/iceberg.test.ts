import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { packageRoot } from '../entry.ts';
import { openCatalog, parseTable, readManifest, readManifestList } from './iceberg.ts';

/** Files as they were written by a real engine into a real bucket. */
const fixture = (name: string) => readFileSync(`${packageRoot}test/fixtures/iceberg/${name}`);

test('a manifest list and its manifest are decoded, ids beyond 2^53 to the last digit', async () => {
  const [manifest, ...others] = await readManifestList(fixture('list-duckdb.avro'));
  expect(others).toEqual([]);
  expect(manifest).toEqual({
    path: 's3://warehouse/retail/pos/metadata/de2195e6-8afb-4ae2-9ae9-87902a6a94b0-m0.avro',
    bytes: fixture('manifest-duckdb.avro').byteLength,
    addedSnapshotId: '3199919001998150070',
  });
  expect(Number.isSafeInteger(Number(manifest?.addedSnapshotId))).toBe(false);
  expect(await readManifest(fixture('manifest-duckdb.avro'), manifest!)).toEqual([
    {
      status: 'added',
      snapshotId: '3199919001998150070',
      content: 'data',
      path: 's3://warehouse/retail/pos/data/01a1fd82-c7ae-7423-abc9-cbb802d05ab2.parquet',
      rows: 10,
      bytes: 1300,
    },
  ]);
});

test('a file that is cut short is an error, not an empty list', async () => {
  const whole = fixture('manifest-duckdb.avro');
  await expect(readManifestList(whole.subarray(0, 20))).rejects.toThrow();
  await expect(readManifestList(whole.subarray(0, whole.byteLength - 40))).rejects.toThrow();
});

const snapshot = (id: string, parent: string | null, sequence: number) =>
  `{"sequence-number":${sequence},"snapshot-id":${id},${
    parent === null ? '' : `"parent-snapshot-id":${parent},`
  }"timestamp-ms":1795253819776,"summary":{"operation":"append","added-records":"10"},
    "manifest-list":"s3://warehouse/retail/pos/metadata/snap-${id}.avro","schema-id":1}`;

test('a table is parsed with whole ids, its newest columns and its snapshots in order', () => {
  const table = parseTable(`{"metadata-location":"s3://warehouse/retail/pos/metadata/2.json",
    "metadata":{"format-version":2,"location":"s3://warehouse/retail/pos","current-schema-id":1,
    "schemas":[{"schema-id":0,"fields":[{"id":1,"name":"event_id"}]},
      {"schema-id":1,"fields":[{"id":1,"name":"event_id"},{"id":2,"name":"store_id"}]}],
    "current-snapshot-id":8963421567890123457,
    "snapshots":[${snapshot('8963421567890123457', '2058295402429303468', 2)},
      ${snapshot('2058295402429303468', null, 1)}],
    "snapshot-log":[{"snapshot-id":2058295402429303468},{"snapshot-id":8963421567890123457}],
    "metadata-log":[{"metadata-file":"s3://warehouse/retail/pos/metadata/1.json"}]}}`);
  expect(table).toMatchObject({
    columns: ['event_id', 'store_id'],
    currentSnapshotId: '8963421567890123457',
    snapshotCount: 2,
    metadataLog: ['s3://warehouse/retail/pos/metadata/1.json'],
  });
  expect(table.snapshots.map(({ id, parentId }) => [id, parentId])).toEqual([
    ['2058295402429303468', null],
    ['8963421567890123457', '2058295402429303468'],
  ]);
});

test('a text that holds JSON of its own stays as it is, and -1 is no snapshot', () => {
  const inner = String.raw`{\"snapshot-id\": 8963421567890123457, \"a\":\"snapshot-id\"}`;
  const one = snapshot('8963421567890123457', '-1', 1).replace('"10"', `"${inner}"`);
  const table = parseTable(`{"metadata-location":"s3://w/t/1.json","metadata":{"format-version":2,
    "location":"s3://w/t","current-schema-id":0,"schemas":[{"schema-id":0,"fields":[]}],
    "current-snapshot-id" : -1, "snapshots":[${one}]}}`);
  expect(table.currentSnapshotId).toBe(null);
  expect(table.snapshots[0]).toMatchObject({
    id: '8963421567890123457',
    summary: { 'added-records': '{"snapshot-id": 8963421567890123457, "a":"snapshot-id"}' },
  });
});

test('a table that nothing was committed to has no current snapshot', () => {
  const table = parseTable(`{"metadata-location":"s3://w/t/1.json","metadata":{"format-version":2,
    "location":"s3://w/t","current-schema-id":0,"schemas":[{"schema-id":0,"fields":[]}]}}`);
  expect(table).toMatchObject({ currentSnapshotId: null, snapshots: [], snapshotCount: 0 });
});

test('a catalog that does not answer is an error of the stack, with its address', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(
    openCatalog(
      { uri: `http://127.0.0.1:${port}`, warehouse: '', auth: { kind: 'none' } },
      'retail',
    ).load('pos'),
  ).rejects.toMatchObject({
    exitCode: 3,
    message: `no answer from 127.0.0.1:${port}: ECONNREFUSED`,
  });
});
