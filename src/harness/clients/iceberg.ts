import { type DoorbusterError, stackBroke } from '../../core/errors.ts';
import { masked } from '../../core/masked.ts';
import { readAvro } from './avro.ts';
import type { Endpoints } from './endpoints.ts';
import { restCatalog } from './rest-catalog.ts';

/** A snapshot as the catalog lists it. Ids exceed 2^53, so they are strings everywhere. */
export interface Snapshot {
  readonly id: string;
  readonly parentId: string | null;
  readonly sequenceNumber: number;
  /** The snapshot's own timestamp, taken just before its commit; epoch ms. */
  readonly timestampMs: number;
  /** append | overwrite | replace | delete */
  readonly operation: string;
  readonly manifestList: string;
  readonly summary: Readonly<Record<string, string>>;
}

/** The part of a table's metadata that the harness needs. */
export interface Table {
  readonly location: string;
  readonly metadataLocation: string;
  readonly formatVersion: number;
  /** Column names of the current schema. */
  readonly columns: readonly string[];
  /** null: there is no commit yet. */
  readonly currentSnapshotId: string | null;
  readonly snapshots: readonly Snapshot[];
  /** Number of snapshots that the table keeps, even if only the current one was requested. */
  readonly snapshotCount: number;
  /** Earlier metadata files that the table still keeps. */
  readonly metadataLog: readonly string[];
  readonly statisticsPaths: readonly string[];
}

/** One manifest of a snapshot's manifest list. */
export interface Manifest {
  readonly path: string;
  readonly bytes: number;
  /** The snapshot that wrote the manifest: the files that a snapshot added are only in manifests that it wrote. */
  readonly addedSnapshotId: string;
}

/** A manifest's entry for one file. */
export interface FileEntry {
  readonly status: 'existing' | 'added' | 'deleted';
  /** The snapshot that added it, or removed it when deleted. */
  readonly snapshotId: string;
  readonly content: 'data' | 'equality_delete' | 'position_delete' | 'dv';
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

/** A response of the catalog, parsed only when `table()` is called. */
export interface TableResponse {
  readonly currentSnapshotId: string | null;
  table(): Table;
}

export interface Catalog {
  /**
   * Loads one table; null if it does not exist. Rejects with a DoorbusterError when the catalog does not answer. `refs`
   * leaves out all snapshots but the current one, so that the cost of polling does not grow with the table's history.
   */
  load(
    table: string,
    options?: { readonly snapshots?: 'all' | 'refs'; readonly signal?: AbortSignal },
  ): Promise<TableResponse | null>;
  /** Names of the namespace's tables; none if there is no such namespace. */
  tables(signal?: AbortSignal): Promise<readonly string[]>;
  /** Drops a table and requests the removal of its files. A missing table is not an error. */
  drop(table: string, signal?: AbortSignal): Promise<void>;
  /** Drops the namespace itself, which must be empty. */
  dropNamespace(signal?: AbortSignal): Promise<void>;
}

/** Names of the namespaces at the top of a REST catalog. */
export async function listNamespaces(
  access: Endpoints['catalog'],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { status, text } = await restCatalog(access).request('GET', '/namespaces', signal);
  if (status !== 200) throw refused('the list of namespaces', status, text);
  // Without a page token in the request a catalog answers with all of them.
  const { namespaces } = JSON.parse(text) as { namespaces: readonly (readonly string[])[] };
  return namespaces.flatMap((parts) => (parts.length === 1 ? parts : []));
}

/** Opens one namespace of a REST catalog. */
export function openCatalog(access: Endpoints['catalog'], namespace: string): Catalog {
  /** Tables for which the catalog refuses `snapshots=refs` (seen with statistics files): all snapshots are requested. */
  const refusesRefs = new Set<string>();
  const catalog = restCatalog(access);
  const namespacePath = `/namespaces/${encodeURIComponent(namespace)}`;
  const pathOf = (table: string) => `${namespacePath}/tables/${encodeURIComponent(table)}`;
  /** The body of a response; null for 404. */
  const request = async (
    method: 'GET' | 'DELETE',
    path: string,
    signal: AbortSignal | undefined,
  ) => {
    const { status, text } = await catalog.request(method, path, signal);
    if (status === 404) return null;
    if (status >= 200 && status < 300) return text;
    throw refused(`${method} ${path}`, status, text);
  };
  return {
    async tables(signal) {
      const text = await request('GET', `${namespacePath}/tables`, signal);
      if (text === null) return [];
      const { identifiers } = JSON.parse(text) as { identifiers: readonly { name: string }[] };
      return identifiers.map(({ name }) => name);
    },
    async drop(table, signal) {
      await request('DELETE', `${pathOf(table)}?purgeRequested=true`, signal);
    },
    async dropNamespace(signal) {
      await request('DELETE', namespacePath, signal);
    },
    async load(table, options = {}) {
      const refs = options.snapshots === 'refs' && !refusesRefs.has(table);
      const path = `${pathOf(table)}${refs ? '?snapshots=refs' : ''}`;
      const { status, text } = await catalog.request('GET', path, options.signal);
      if (status === 404) return null;
      if (status === 400 && refs) {
        refusesRefs.add(table);
        return this.load(table, options);
      }
      if (status !== 200) throw refused(`table ${namespace}.${table}`, status, text);
      return tableResponse(text);
    },
  };
}

/** A table by its name with that of its namespace; null if it does not exist. */
export async function loadTable(
  access: Endpoints['catalog'],
  name: string,
  signal: AbortSignal,
): Promise<Table | null> {
  const dot = name.lastIndexOf('.');
  const found = await openCatalog(access, name.slice(0, dot)).load(name.slice(dot + 1), { signal });
  return found?.table() ?? null;
}

function refused(what: string, status: number, text: string): DoorbusterError {
  return stackBroke(
    `the catalog answered ${status} for ${what}: ${masked(text).slice(0, 300)}`,
    "look at the catalog's log in the run's folder",
  );
}

/** Finds the current id without parsing: most polls find nothing new, and parsing is their main cost. */
function tableResponse(text: string): TableResponse {
  const found = /"current-snapshot-id"\s*:\s*(-?\d+|null)/.exec(text)?.[1];
  return {
    currentSnapshotId: found === undefined || found === 'null' || found === '-1' ? null : found,
    table: () => parseTable(text),
  };
}

interface RawTable {
  readonly 'metadata-location': string;
  readonly metadata: {
    readonly 'format-version': number;
    readonly location: string;
    readonly 'current-schema-id': number;
    readonly schemas: readonly {
      readonly 'schema-id': number;
      readonly fields: readonly { readonly name: string }[];
    }[];
    readonly 'current-snapshot-id'?: string | null;
    readonly snapshots?: readonly RawSnapshot[];
    readonly 'snapshot-log'?: readonly unknown[];
    readonly 'metadata-log'?: readonly { readonly 'metadata-file': string }[];
    readonly statistics?: readonly { readonly 'statistics-path': string }[];
  };
}

interface RawSnapshot {
  readonly 'snapshot-id': string;
  readonly 'parent-snapshot-id'?: string | null;
  readonly 'sequence-number'?: number;
  readonly 'timestamp-ms': number;
  readonly 'manifest-list': string;
  readonly summary: Readonly<Record<string, string>>;
}

/** Ids exceed 2^53. In valid JSON a quotation mark within a text has a backslash, so only a key can match. */
const SNAPSHOT_ID = /"((?:current-|parent-)?snapshot-id)"\s*:\s*(-?\d+)/g;

/** Parses a catalog's response. */
export function parseTable(text: string): Table {
  // Every id as a text. A parser that keeps all digits of every number takes several times as long.
  const raw = JSON.parse(text.replace(SNAPSHOT_ID, '"$1":"$2"')) as RawTable;
  const { metadata } = raw;
  const schema = metadata.schemas.find(
    (one) => Number(one['schema-id']) === Number(metadata['current-schema-id']),
  );
  const current = metadata['current-snapshot-id'];
  return {
    location: metadata.location,
    metadataLocation: raw['metadata-location'],
    formatVersion: Number(metadata['format-version']),
    columns: schema?.fields.map((field) => field.name) ?? [],
    currentSnapshotId: current === undefined || current === '-1' ? null : current,
    snapshots: (metadata.snapshots ?? [])
      .map(snapshotOf)
      .sort((a, b) => a.sequenceNumber - b.sequenceNumber),
    // Expiry shortens the log with the snapshots, and `snapshots=refs` keeps it complete.
    snapshotCount: Math.max(metadata['snapshot-log']?.length ?? 0, metadata.snapshots?.length ?? 0),
    metadataLog: (metadata['metadata-log'] ?? []).map((entry) => entry['metadata-file']),
    statisticsPaths: (metadata.statistics ?? []).map((entry) => entry['statistics-path']),
  };
}

function snapshotOf(raw: RawSnapshot): Snapshot {
  return {
    id: raw['snapshot-id'],
    parentId: raw['parent-snapshot-id'] ?? null,
    sequenceNumber: Number(raw['sequence-number'] ?? 0),
    timestampMs: Number(raw['timestamp-ms']),
    operation: raw.summary.operation ?? 'unknown',
    manifestList: raw['manifest-list'],
    summary: raw.summary,
  };
}

interface RawManifest {
  readonly manifest_path: string;
  readonly manifest_length: bigint;
  readonly added_snapshot_id: bigint;
}

interface RawEntry {
  readonly status: number;
  readonly snapshot_id: bigint | null;
  readonly data_file: {
    readonly content?: number;
    readonly file_path: string;
    readonly file_format: string;
    readonly record_count: bigint;
    readonly file_size_in_bytes: bigint;
    readonly content_size_in_bytes?: bigint | null;
  };
}

/** Decodes a manifest list. */
export async function readManifestList(bytes: Uint8Array): Promise<Manifest[]> {
  const list = await readAvro<RawManifest>(bytes);
  return list.map((raw) => ({
    path: raw.manifest_path,
    bytes: Number(raw.manifest_length),
    addedSnapshotId: String(raw.added_snapshot_id),
  }));
}

const STATUS = ['existing', 'added', 'deleted'] as const;

/** Decodes a manifest. An entry without a snapshot id inherits the manifest's own. */
export async function readManifest(bytes: Uint8Array, manifest: Manifest): Promise<FileEntry[]> {
  const entries = await readAvro<RawEntry>(bytes);
  return entries.map(({ status, snapshot_id, data_file }) => ({
    status: STATUS[status] as (typeof STATUS)[number],
    snapshotId: snapshot_id === null ? manifest.addedSnapshotId : String(snapshot_id),
    content: contentOf(data_file),
    path: data_file.file_path,
    rows: Number(data_file.record_count),
    // A Puffin file holds many deletion vectors: each entry counts only its own.
    bytes: Number(data_file.content_size_in_bytes ?? data_file.file_size_in_bytes),
  }));
}

function contentOf(file: RawEntry['data_file']): FileEntry['content'] {
  if (file.content === 2) return 'equality_delete';
  if (file.content === 1) return file.file_format === 'PUFFIN' ? 'dv' : 'position_delete';
  return 'data';
}
