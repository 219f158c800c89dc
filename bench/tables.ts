import { openCatalog } from '../src/harness/clients/iceberg.ts';
import { insertOpeningStock } from '../src/harness/opening-stock/opening-stock.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { BenchContext } from './bench.ts';
import { type Replay, WARM_MS } from './replay.ts';

/** Stock that is inserted in bulk, and receipts that upsert it through the pipeline. */
export function stockUnderLoad(of: {
  readonly name: string;
  /** Keys of `retail`. */
  readonly retail: string;
  /** A rate. */
  readonly receipts: string;
  readonly commitEvery: string;
}): Scenario {
  const { name, retail, receipts, commitEvery } = of;
  return parseScenario(
    `
name: ${name}
seed: 7
starts_at: 2026-11-27T09:00
retail: { ${retail}, hours: flat }
traffic:
  pos: { receipts: ${receipts} }
  inventory: { preload: assortment, via: bulk }
pipeline: { use: cdc-upsert, commit_every: ${commitEvery} }
stack: { jit: c1 }
phases: [{ name: only, for: 10m }]
`,
    { file: name },
  ).scenario;
}

/** What a table holds, by its newest snapshot. */
export interface TableExtent {
  /** Rows of its data files, deleted ones included. */
  readonly rows: number;
  readonly dataFiles: number;
  readonly deleteFiles: number;
  /** Rows of the equality-delete files that were ever added. */
  readonly deletedKeys: number;
  readonly snapshots: number;
}

/** The opening stock in bulk, then so many seconds of load through the pipeline. Afterwards nothing commits any more. */
export async function fillByLoad(
  { artifacts, clock, signal, dir }: BenchContext,
  { stack, load, deployment, probes, begin }: Replay,
  { scenario, loadS }: { readonly scenario: Scenario; readonly loadS: number },
): Promise<void> {
  const { place, facts } = probes;
  await insertOpeningStock({
    ...{ stack, place, facts, clock, signal, scenario, workDir: dir },
    extensions: artifacts.duckdbExtensions,
    datasets: deployment.datasets,
  });
  await begin();
  await clock.sleep(loadS * 1_000 - WARM_MS, signal);
  await load.stopAt(loadS * 1_000);
  await deployment.drain(signal);
}

export async function extentOf({ stack, probes }: Replay, name: string): Promise<TableExtent> {
  const answer = await openCatalog(stack.endpoints.catalog, probes.place.namespace).load(name);
  const table = answer?.table();
  const newest = table?.snapshots.find(({ id }) => id === table.currentSnapshotId);
  const total = (of: string) => Number(newest?.summary[`total-${of}`] ?? Number.NaN);
  // DuckDB's snapshots have no total of it, and then those after them have none either.
  const deletedKeys = (table?.snapshots ?? []).reduce(
    (sum, { summary }) => sum + Number(summary['added-equality-deletes'] ?? 0),
    0,
  );
  return {
    rows: total('records'),
    dataFiles: total('data-files'),
    deleteFiles: total('delete-files'),
    deletedKeys,
    snapshots: table?.snapshots.length ?? 0,
  };
}
