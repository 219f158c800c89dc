import type { Clock } from '../../src/core/clock.ts';
import type { Catalog, Snapshot, Table } from '../../src/harness/clients/iceberg.ts';

/** A commit without its position in the table's history. */
type Kind = Partial<Pick<Snapshot, 'operation' | 'summary'>>;

/** A catalog in memory with its own clock, which only advances by answers (5 ms by default) and by sleeping. */
export class InMemoryCatalog implements Pick<Catalog, 'load'> {
  readonly #snapshots: Snapshot[] = [];
  readonly #planned: { readonly id: string; readonly atMs: number; readonly kind: Kind }[] = [];
  #expired = 0;
  #nowMs = 1000;
  /** Duration of an answer. */
  answerMs = 5;
  /** Time of each request. */
  readonly asked: number[] = [];
  /** Runs after the next answer is computed: a commit between two requests. */
  between: (() => void) | null = null;

  readonly clock: Clock = {
    nowMs: () => this.#nowMs,
    monotonicMs: () => this.#nowMs,
    sleep: async (ms) => {
      this.#nowMs += ms;
    },
  };

  commit(id: string, kind: Kind = {}, atMs = this.#nowMs): void {
    this.#snapshots.push({
      id,
      parentId: this.#snapshots.at(-1)?.id ?? null,
      sequenceNumber: this.#snapshots.length + 1,
      timestampMs: atMs,
      operation: 'append',
      manifestList: `s3://warehouse/${id}`,
      summary: {},
      ...kind,
    });
  }

  /** Adds a commit at a later time of the clock. */
  commitAt(atMs: number, id: string, kind: Kind = {}): void {
    this.#planned.push({ id, atMs, kind });
    this.#planned.sort((a, b) => a.atMs - b.atMs);
  }

  expireFirst(count: number): void {
    this.#expired = count;
  }

  async load(_table: string, options: { readonly snapshots?: 'all' | 'refs' } = {}) {
    this.asked.push(this.#nowMs);
    this.#nowMs += this.answerMs;
    for (let next = this.#planned[0]; next && next.atMs <= this.#nowMs; next = this.#planned[0]) {
      this.commit(next.id, next.kind, next.atMs);
      this.#planned.shift();
    }
    const kept = this.#snapshots.slice(this.#expired);
    const current = kept.at(-1);
    const table: Table = {
      location: 's3://warehouse/t',
      metadataLocation: 's3://warehouse/t/metadata/1.json',
      formatVersion: 2,
      columns: ['event_id'],
      currentSnapshotId: current?.id ?? null,
      snapshots: options.snapshots === 'refs' ? kept.slice(-1) : kept,
      snapshotCount: kept.length,
      metadataLog: [],
      statisticsPaths: [],
    };
    this.between?.();
    this.between = null;
    return { currentSnapshotId: table.currentSnapshotId, table: () => table };
  }
}
