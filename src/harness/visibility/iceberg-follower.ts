import type { Clock } from '../../core/clock.ts';
import type { Catalog, Snapshot, Table, TableResponse } from '../clients/iceberg.ts';
import type { Poll, Sighted } from './visibility.ts';

/** A snapshot that was found by a poll. */
export interface FoundSnapshot extends Sighted {
  readonly snapshot: Snapshot;
  /** Column names of the table at that time. */
  readonly columns: readonly string[];
  /** Number of snapshots that the table kept at that time. */
  readonly snapshots: number;
}

/** Finds every snapshot of one table, even if several were committed between two polls. */
export class Follower {
  #lastId: string | null = null;
  #missedMs: number | null = null;
  readonly #catalog: Pick<Catalog, 'load'>;
  readonly #table: string;
  readonly #clock: Clock;

  constructor(catalog: Pick<Catalog, 'load'>, table: string, clock: Clock) {
    this.#catalog = catalog;
    this.#table = table;
    this.#clock = clock;
  }

  async poll(signal?: AbortSignal): Promise<Poll<FoundSnapshot>> {
    const startMs = this.#clock.nowMs();
    const first = await this.#load('refs', signal);
    const seenMs = this.#clock.nowMs();
    const missedMs = this.#missedMs;
    if (!first || first.currentSnapshotId === this.#lastId || first.currentSnapshotId === null) {
      this.#missedMs = startMs;
      return { found: [], gap: null };
    }
    const newest = first.table();
    const current = newest.snapshots.find((one) => one.id === newest.currentSnapshotId);
    if (current && current.parentId === this.#lastId) {
      this.#advance(current, startMs);
      return { found: [foundIn(newest, current, missedMs, seenMs)], gap: null };
    }
    return this.#findAll(newest, { startMs, missedMs, seenMs }, signal);
  }

  /** Several new snapshots: requests the whole list, which may contain even newer ones. */
  async #findAll(
    newest: Table,
    first: { readonly startMs: number; readonly missedMs: number | null; readonly seenMs: number },
    signal?: AbortSignal,
  ): Promise<Poll<FoundSnapshot>> {
    const secondStartMs = this.#clock.nowMs();
    const all = (await this.#load('all', signal))?.table();
    const secondSeenMs = this.#clock.nowMs();
    if (!all) return { found: [], gap: `table ${this.#table} was dropped` };
    const { chain, gap } = chainTo(all, this.#lastId);
    const boundary = chain.findIndex((one) => one.id === newest.currentSnapshotId);
    const found = chain.map((snapshot, i) =>
      i <= boundary
        ? foundIn(all, snapshot, first.missedMs, first.seenMs)
        : foundIn(all, snapshot, first.startMs, secondSeenMs),
    );
    const last = chain.at(-1);
    if (last) this.#advance(last, secondStartMs);
    return { found, gap };
  }

  #advance(snapshot: Snapshot, startMs: number): void {
    this.#lastId = snapshot.id;
    this.#missedMs = startMs;
  }

  #load(snapshots: 'all' | 'refs', signal?: AbortSignal): Promise<TableResponse | null> {
    return this.#catalog.load(this.#table, { snapshots, ...(signal ? { signal } : {}) });
  }
}

function foundIn(
  { columns, snapshotCount }: Table,
  snapshot: Snapshot,
  missedMs: number | null,
  seenMs: number,
): FoundSnapshot {
  return { snapshot, columns, snapshots: snapshotCount, missedMs, seenMs };
}

/** The current snapshot's ancestors after `lastId`, oldest first. */
function chainTo(
  table: Table,
  lastId: string | null,
): { readonly chain: readonly Snapshot[]; readonly gap: string | null } {
  const byId = new Map(table.snapshots.map((snapshot) => [snapshot.id, snapshot]));
  const chain: Snapshot[] = [];
  let id = table.currentSnapshotId;
  while (id !== null && id !== lastId) {
    const snapshot = byId.get(id);
    if (!snapshot) {
      return { chain, gap: `snapshot ${id} had expired before it was seen` };
    }
    chain.unshift(snapshot);
    id = snapshot.parentId;
  }
  const gap = id === lastId || lastId === null ? null : `snapshot ${lastId} was rolled back`;
  return { chain, gap };
}
