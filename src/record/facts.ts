/**
 * The tables of facts: the observations of a run in their order, from which all metrics are computed.
 * Stamps are epoch ms. `harness` fills them, `doorbuster sql` reads their Parquet export.
 * Column comments are the documentation; docs/measuring.md says how each metric is computed.
 */
export const FACTS = {
  /** One row per message handed to the producer (originals, copies, preload, markers, canaries). */
  events: `
    stream VARCHAR, event_id VARCHAR, store_id INTEGER,
    sku_id INTEGER, version BIGINT, on_hand INTEGER, available INTEGER, deleted BOOLEAN, -- of images of rows only, else NULL
    role VARCHAR,                                             -- original | copy | preload | marker | canary
    fault VARCHAR, how VARCHAR, copy_of VARCHAR,              -- the truth side channel
    labels VARCHAR,                                           -- what else was unusual, joined by '+'; NULL: nothing
    cents BIGINT,                                             -- pos: what it adds to the takings, read rightly
    occurred_ms DOUBLE,
    claimed_ms DOUBLE,                                        -- its event_ts
    due_ms DOUBLE, sent_ms DOUBLE, acked_ms DOUBLE, -- acked_ms NULL: never acknowledged
    kafka_ms DOUBLE, part INTEGER, kafka_offset BIGINT,       -- as the broker answered; NULL of opening stock that was inserted in bulk
    bytes INTEGER,
    expect VARCHAR                                            -- what CONTRACT asks: row | duplicate | dead_letter | guarded (an older or equal version of an upsert)
  `,
  /**
   * One row per new snapshot of each table, as the catalog first served it; of a view in memory, one per poll that found
   * something, without files.
   */
  commits: `
    table_name VARCHAR, snapshot_id VARCHAR, parent_id VARCHAR, sequence_number BIGINT, operation VARCHAR,
    snapshot_ms DOUBLE,                                       -- the snapshot's own timestamp, just before its commit
    missed_ms DOUBLE, seen_ms DOUBLE,                         -- start of the last poll without it, end of the first with it
    read_ms DOUBLE,                                           -- when the census had read its rows
    added_data_files INTEGER, added_equality_delete_files INTEGER, added_position_delete_files INTEGER, added_dvs INTEGER,
    added_rows BIGINT, added_bytes BIGINT,
    data_files INTEGER, equality_delete_files INTEGER, position_delete_files INTEGER, -- live after it
    live_bytes BIGINT, live_rows BIGINT, manifests INTEGER, manifest_bytes BIGINT, snapshots INTEGER
  `,
  /** One row per row found in a data file that a snapshot added. */
  sightings: `
    table_name VARCHAR, snapshot_id VARCHAR, event_id VARCHAR, store_id INTEGER, sku_id INTEGER, version BIGINT,
    occurred_ms DOUBLE, due_ms DOUBLE, kafka_ms DOUBLE, flink_ms DOUBLE,
    row_no INTEGER                                            -- its place among the rows of the snapshot, as written: a later one of a key replaces it
  `,
  /** One row per canary: the last poll that missed it and the first poll that found it, ms. */
  canaries: `
    event_id VARCHAR, store_id INTEGER, sku_id INTEGER, version BIGINT, due_ms DOUBLE,
    last_miss_ms DOUBLE, first_hit_ms DOUBLE,
    polls INTEGER, failed_polls INTEGER,                      -- that asked for it: answered; without an answer, declared outages aside
    outcome VARCHAR                                           -- seen | never | failed (to be sent, or to be asked for)
  `,
  /** One row per intended query. */
  queries: `
    name VARCHAR,
    phase VARCHAR,                                            -- as it was at the start; a background query counts for that of intended_ms
    mode VARCHAR,                                             -- trickle | hot | cold
    intended_ms DOUBLE, start_ms DOUBLE, end_ms DOUBLE, attach_ms DOUBLE,
    cpu_s DOUBLE,                                             -- of the query engine's process; NULL: it died
    outcome VARCHAR,                                          -- ok | timeout | failed | crashed | skipped
    reads VARCHAR,                                            -- the tables it names, joined by commas; NULL: could not be told
    rows BIGINT, error VARCHAR,
    engine VARCHAR                                            -- what answered it; name has it too, after an @, unless it is the run's first
  `,
  /** Live files by table at the marks of a run (phase ends, before and after compaction). */
  files: `
    mark VARCHAR, at_ms DOUBLE, table_name VARCHAR, content VARCHAR, -- data | equality_delete | position_delete | dv
    path VARCHAR, rows BIGINT, bytes BIGINT
  `,
  /**
   * One sample per server, of all its processes so far; in addition 'harness', 'query-engine', 'compaction',
   * 'redis-view', 'container-engine', and the whole 'machine'.
   */
  resources: `
    at_ms DOUBLE, server VARCHAR, cpu_s DOUBLE, rss_bytes BIGINT,
    busy DOUBLE, steal DOUBLE,                                -- machine only: shares of all cores since the last sample that has them; NULL: under 50 clock ticks
    programs_s DOUBLE,                                        -- machine only: cpu_s without interrupts and the kernel's own threads
    shard INTEGER                                             -- another machine that made a part of the load; NULL: this one
  `,
  /** Cumulative S3 counters from the object store, by API; bytes only in the sum over all, '*'. */
  s3: `at_ms DOUBLE, api VARCHAR, requests BIGINT, bytes_in BIGINT, bytes_out BIGINT`,
  /**
   * The stock that each store should show by BOOK, computed from the tape's business events up to the newest sent change
   * of the row. deleted: the SKU was delisted, so no reader must see it.
   */
  book: `
    store_id INTEGER, sku_id INTEGER, on_hand INTEGER, committed INTEGER, unavailable INTEGER,
    deleted BOOLEAN
  `,
  /** One row per line of every replayed pickup order: promised or not, and whether it could have been kept. */
  promises: `
    phase VARCHAR, order_no INTEGER, at_ms DOUBLE, store_id INTEGER, sku_id INTEGER, quantity INTEGER,
    shown INTEGER, book INTEGER, shelf INTEGER,               -- units the view showed, BOOK would have promised, a picker would have found
    fate VARCHAR, order_fate VARCHAR                          -- kept | stale | phantom | refused | missed_stale | missed_phantom
  `,
  /** Realized phases. A phase owns the events due in [start_ms, end_ms). */
  phases: `name VARCHAR, kind VARCHAR, measured BOOLEAN, start_ms DOUBLE, end_ms DOUBLE`,
  /**
   * Times of the run that metrics depend on. `stop`: the harness began to stop the jobs; rows that became visible later
   * did so only because of that. No row: the run ended before.
   */
  milestones: `name VARCHAR, at_ms DOUBLE`,
  /** Faults of servers that the scenario declares, as they happened. */
  faults: `
    act VARCHAR, server VARCHAR, phase VARCHAR,               -- pause | kill | restart
    intended_ms DOUBLE, start_ms DOUBLE,                      -- when it was meant to begin, and when it was asked for
    away_ms DOUBLE, back_ms DOUBLE                            -- frozen or ended; ready again. NULL: the run ended before
  `,
  /**
   * The producing side: rows per second, worker and stream, whose counts belong to that second. One row, or more if a
   * second was counted in again more than a minute later: sum them.
   */
  load: `
    at_ms DOUBLE, worker INTEGER, stream VARCHAR,             -- at_ms: the second's start
    scheduled BIGINT,                                         -- due in it
    handed_over BIGINT, acknowledged BIGINT,                  -- handed to the client in it; answered in it
    bytes BIGINT                                              -- of the values handed over
  `,
  /**
   * Event-loop delay of each producing thread, and of the main thread (worker NULL), which stamps what the census
   * observes; at fixed intervals, so that a stall of 1 s is many rows, not one.
   */
  loop_delay: `at_ms DOUBLE, worker INTEGER, delay_ms DOUBLE`,
} as const satisfies Record<string, string>;

export type FactTable = keyof typeof FACTS;

/** Account in `resources` of our own process with its children, without those of the accounts below. */
export const HARNESS = 'harness';
/** The query engine, in all its processes so far. */
export const QUERY_ENGINE = 'query-engine';
/** The engine of a compaction on demand. */
export const COMPACTION = 'compaction';
/** The processes that keep a view in memory. */
export const VIEW = 'redis-view';
/** The loaders of a pipeline, in all their processes so far. */
export const LOADER = 'loader';
/** The whole machine. */
export const MACHINE = 'machine';
/** The `s3` row with the sum over all APIs; only this one has bytes. */
export const ALL_APIS = '*';

/**
 * Dimension tables to join with the facts: one row per store and product of the scenario, and per member on a receipt
 * of the run. Parquet in the folder `dimensions` of a completed run.
 */
export const DIMENSIONS = {
  stores: `
    store_id INTEGER, city VARCHAR, state VARCHAR,
    hours_behind INTEGER,                                     -- the retailer's own clock
    terminals INTEGER, size DOUBLE                            -- 1 is the mean store
  `,
  products: `sku_id INTEGER, name VARCHAR, category VARCHAR, price_cents INTEGER`,
  /** member_id is that of `customer_id` on receipts and of the loyalty stream. */
  members: `
    member_id VARCHAR, home_store_id INTEGER, tier VARCHAR, name VARCHAR, email VARCHAR, joined DATE
  `,
} as const satisfies Record<string, string>;

export type DimensionTable = keyof typeof DIMENSIONS;
