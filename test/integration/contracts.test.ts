import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { ENGINES } from '../../src/harness/engines/engines.ts';
import { openFacts } from '../../src/harness/facts.ts';
import { addressOf } from '../../src/harness/load/targets/targets.ts';
import { openVisibility } from '../../src/harness/visibility/sources.ts';
import { engineContract } from '../contracts/engine.ts';
import { targetContract } from '../contracts/target.ts';
import { visibilityContract } from '../contracts/visibility.ts';
import { images, rejected } from '../support/datasets.ts';
import { openTestBatches } from './support/batches.ts';
import { openTestLake } from './support/lake.ts';
import { createTables, type Lakehouse, openLakehouse } from './support/lakehouse.ts';
import { WITHOUT_TRINO } from './support/trino.ts';
import { viewIn } from './support/view.ts';

/** Part of what identifies a rejected record has another name in the table: `n`. */
const NUMBERS = {
  ...{ ...rejected('numbers'), columns: { part: 'n' } },
  firstOf: ['topic', 'n', 'kafka_offset'],
};

/** The kinds that need servers; those without are in src/harness/in-process.test.ts. */
let lakehouse: Lakehouse;
let logDir: string;
beforeAll(async () => {
  logDir = await mkdtemp(join(tmpdir(), 'doorbuster-engines-'));
  lakehouse = await openLakehouse('contracts', 500);
  const { sql, table } = lakehouse;
  await createTables(lakehouse, 100);
  await sql.run("SET 'table.dml-sync' = 'true'");
  await sql.run(`CREATE TABLE ${table('numbers')} (n INT) WITH ('format-version' = '2')`);
  await sql.run(`INSERT INTO ${table('numbers')} VALUES (1), (2)`);
});
afterAll(async () => {
  await lakehouse?.leave();
  await rm(logDir, { recursive: true, force: true });
});

targetContract('kafka', () => ({
  address: addressOf({ target: 'kafka' }, lakehouse.stack),
  prefix: lakehouse.place.topicPrefix,
}));

const read = () => ({
  stack: lakehouse.stack,
  extensions: lakehouse.artifacts.duckdbExtensions,
  namespace: lakehouse.place.namespace,
  logDir,
});

engineContract('duckdb', () => ({
  open: () => ENGINES.duckdb.open(read(), { clock }),
  table: lakehouse.table('numbers'),
  endless: 'range(3000000000) r(id)',
}));

engineContract('spark', () => ({
  open: () => ENGINES.spark.open(read(), { clock }),
  table: lakehouse.table('numbers'),
  endless: 'range(3000000000) r',
}));

engineContract(
  'trino',
  () => ({
    open: () => ENGINES.trino.open(read(), { clock }),
    table: lakehouse.table('numbers'),
    endless: 'TABLE(sequence(start => 0, stop => 900000000000)) r(id)',
  }),
  WITHOUT_TRINO,
);

engineContract('duckdb-parquet', () => ({
  open: async () => {
    await using batches = await openTestBatches(lakehouse, NUMBERS);
    await batches.fold(`SELECT unnest([1, 2]) AS part, unnest([1, 2]) AS kafka_offset`);
    return ENGINES['duckdb-parquet'].open(read(), { clock });
  },
  table: lakehouse.table(NUMBERS.name),
  endless: 'range(3000000000) r(id)',
}));

/** What the contracts have in the lake of their namespace. */
const IN_LAKE = [NUMBERS, { ...images('upsert', 'lake_stock'), visibility: 'ducklake' }] as const;

engineContract('ducklake', () => ({
  open: async () => {
    await using lake = await openTestLake(lakehouse, IN_LAKE, logDir);
    await lake.add(
      NUMBERS,
      `SELECT 'pos' AS topic, unnest([1, 2]) AS part, unnest([1, 2]) AS kafka_offset`,
    );
    return ENGINES.ducklake.open(read(), { clock });
  },
  table: lakehouse.table(NUMBERS.name),
  endless: 'range(3000000000) r(id)',
}));

visibilityContract('ducklake', async () => {
  const [, dataset] = IN_LAKE;
  const lake = await openTestLake(lakehouse, IN_LAKE, logDir);
  const facts = await openFacts();
  const { place } = lakehouse;
  return {
    ...{ dataset, facts, inFiles: true, liveFiles: [1, 1] },
    visibility: await openVisibility({ ...read(), place, facts, clock, t0Ms: () => 0 }, [dataset]),
    commit: (version, eventId) =>
      lake.add(
        dataset,
        `SELECT '${eventId}' AS event_id, 1 AS store_id, 1 AS sku_id, ${version} AS version`,
      ),
  };
});

visibilityContract('parquet', async () => {
  const dataset = { ...images('upsert'), visibility: 'parquet' } as const;
  const batches = await openTestBatches(lakehouse, dataset);
  const facts = await openFacts();
  const { place } = lakehouse;
  return {
    ...{ dataset, facts, inFiles: true, liveFiles: [1, 1] },
    visibility: await openVisibility({ ...read(), place, facts, clock, t0Ms: () => 0 }, [dataset]),
    commit: (version, eventId) =>
      batches.fold(
        `SELECT '${eventId}' AS event_id, 1 AS store_id, 1 AS sku_id, ${version} AS version`,
      ),
  };
});

visibilityContract('iceberg', async () => {
  const { sql, table, place } = lakehouse;
  const dataset = images('upsert');
  const facts = await openFacts();
  return {
    ...{ dataset, facts, inFiles: true },
    visibility: await openVisibility({ ...read(), place, facts, clock, t0Ms: () => 0 }, [dataset]),
    commit: (version, eventId) =>
      sql
        .run(
          `INSERT INTO ${table('inventory')}
           VALUES ('${eventId}', 1, 1, 5, CAST(${version} AS BIGINT), FALSE, CAST(1 AS BIGINT),
             CAST(1 AS BIGINT), CAST(1 AS BIGINT), CAST(1 AS BIGINT), CAST(1 AS BIGINT))`,
        )
        .then(() => undefined),
  };
});

visibilityContract('redis', async () => {
  const { stack, place } = lakehouse;
  const dataset = {
    ...images('upsert', 'contract_view'),
    visibility: 'redis',
    subset: 'hot',
  } as const;
  const facts = await openFacts();
  const view = await viewIn(stack, `${place.namespace}.${dataset.name}`);
  return {
    ...{ dataset, facts, inFiles: false },
    visibility: await openVisibility({ ...read(), place, facts, clock, t0Ms: () => 0 }, [dataset]),
    commit: (version, event_id) => view.write([{ store_id: 1, sku_id: 1, version, event_id }]),
  };
});
