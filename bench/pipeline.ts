import { CompressionTypes } from 'kafkajs';
import { encode } from '../src/generators/encode.ts';
import type { TapeEvent } from '../src/generators/event.ts';
import { preloadOf, storesOf, tapeOf } from '../src/generators/tape.ts';
import { openCatalog } from '../src/harness/clients/iceberg.ts';
import { kafkaClient } from '../src/harness/clients/kafka-admin.ts';
import { packageRoot } from '../src/harness/entry.ts';
import { deploy } from '../src/harness/pipelines/deployment.ts';
import { inNamespace, loadPipeline } from '../src/harness/pipelines/load.ts';
import { isolatedNamespace, topicOf } from '../src/harness/run-namespace.ts';
import type { Stack } from '../src/harness/stack/stack.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Stream } from '../src/scenario/scenario.ts';
import type { Decoder } from '../src/topology/decode-sql.ts';
import type { Bench, BenchContext } from './bench.ts';
import { cpuOf } from './cpu.ts';
import { startStack } from './lakehouse.ts';

/** Records that the job has read and committed before anything is counted: by then its code is compiled. */
const WARM = 100_000;
const MEASURED = 100_000;
/** Below the megabyte that a broker takes at once. */
const BATCH = 500;
const POLL_MS = 250;
const COMMITTED_WITHIN_MS = 300_000;

const { scenario } = parseScenario(
  `
name: pipeline
retail: { stores: 200, skus: 1000, assortment: 1000, hours: flat }
traffic: { pos: { receipts: 3600/store/h }, inventory: {} }
pipeline: { use: cdc-upsert, commit_every: 5s }
stack: { partitions: 1, jit: full }
phases: [{ name: only, for: 40m }]
`,
  { file: 'pipeline' },
);
const loaded = loadPipeline(scenario.pipeline.use, packageRoot);

/** CPU time of the TaskManager per record, from the topic to the table, by either decoder. */
export const pipeline: Bench = {
  name: 'pipeline',
  about: 'records that Flink decodes and commits per core-second, by the function and by SQL',
  async run(context) {
    const of = inNamespace(
      loaded,
      isolatedNamespace(loaded.manifest, { prefix: 'bench', runId: 'stack' }),
    );
    await using stack = await startStack(context, of, scenario, 'pipeline');
    const rows = [];
    const ratios = [];
    for (const stream of ['pos', 'inventory'] as const) {
      const values = encoded(stream);
      const bytes = values.reduce((sum, value) => sum + value.byteLength, 0) / values.length;
      const us: Record<Decoder, number> = { sql: 0, function: 0 };
      for (const decoder of ['sql', 'function'] as const) {
        context.say(`${stream}, decoded by ${decoder}`);
        us[decoder] = await microsecondsPer(context, stack, { stream, decoder, values });
        rows.push({
          what: `${stream} (${Math.round(bytes)} bytes), ${decoder}`,
          values: { 'core-us/record': us[decoder], 'records/core-s': 1e6 / us[decoder] },
        });
      }
      ratios.push({
        name: `${stream}: function / SQL, records per core-second`,
        ratio: us.sql / us.function,
      });
    }
    return {
      title: `${MEASURED} records of a stream, cdc-upsert, from Kafka to Iceberg: CPU time of the TaskManager`,
      rows,
      ratios,
      notes: [`${WARM} records before, jit full, parallelism 1, a commit every 5 s`],
    };
  },
};

/** Receipts of a tape, or rows of an opening stock; each has an id, and a key, of its own. */
function encoded(stream: Stream): readonly Uint8Array[] {
  const stores = storesOf(scenario);
  const source = stream === 'inventory' ? preloadOf(scenario, stores) : tapeOf(scenario, stores);
  const values: Uint8Array[] = [];
  for (const event of source as Iterable<TapeEvent>) {
    if (event.stream === stream && event.truth.copyOf === null) values.push(encode(event, 0));
    if (values.length === WARM + MEASURED) return values;
  }
  throw new Error(`${values.length} records of ${stream}, ${WARM + MEASURED} are needed`);
}

/** One stream's job by itself, at a place of its own. */
async function microsecondsPer(
  { artifacts, clock, signal, dir }: BenchContext,
  stack: Stack,
  {
    stream,
    decoder,
    values,
  }: {
    readonly stream: Stream;
    readonly decoder: Decoder;
    readonly values: readonly Uint8Array[];
  },
): Promise<number> {
  const place = isolatedNamespace(loaded.manifest, {
    prefix: 'bench',
    runId: `${stream}_${decoder}`,
  });
  const alone = Object.fromEntries(
    Object.entries(scenario.traffic).map(([name, one]) => [name, name === stream ? one : null]),
  ) as typeof scenario.traffic;
  // A run on an external cluster decodes in SQL.
  const { endpoints, inProcess, stateDir } = stack;
  const runtime = decoder === 'sql' ? ('external' as const) : stack.runtime;
  await using _deployment = await deploy(inNamespace(loaded, place), {
    stack: {
      ...{ endpoints, inProcess, stateDir, runtime },
      launch: (program) => stack.launch(program),
    },
    scenario: { ...scenario, traffic: alone },
    hotProducts: () => [],
    extensions: artifacts.duckdbExtensions,
    workDir: dir,
    logDir: dir,
    clock,
    signal,
  });
  const producer = kafkaClient(endpoints.kafka, 'bench').producer();
  await producer.connect();
  const send = async (some: readonly Uint8Array[]) => {
    for (let at = 0; at < some.length; at += BATCH) {
      await producer.send({
        ...{ topic: topicOf(place, stream), acks: -1, compression: CompressionTypes.None },
        messages: some.slice(at, at + BATCH).map((value) => ({ value: Buffer.from(value) })),
      });
    }
  };
  const catalog = openCatalog(endpoints.catalog, place.namespace);
  const committed = async (rows: number) => {
    const until = clock.monotonicMs() + COMMITTED_WITHIN_MS;
    while (clock.monotonicMs() < until) {
      const table = (await catalog.load(stream, { signal }))?.table();
      const newest = table?.snapshots.find(({ id }) => id === table.currentSnapshotId);
      if (Number(newest?.summary['total-records'] ?? 0) >= rows) return;
      await clock.sleep(POLL_MS, signal);
    }
    throw new Error(`${stream} has no ${rows} rows after ${COMMITTED_WITHIN_MS / 1_000} s`);
  };
  try {
    await send(values.slice(0, WARM));
    await committed(WARM);
    const before = cpuOf(stack.processes()).get('flink-taskmanager') ?? Number.NaN;
    await send(values.slice(WARM));
    await committed(values.length);
    const after = cpuOf(stack.processes()).get('flink-taskmanager') ?? Number.NaN;
    return ((after - before) * 1e6) / MEASURED;
  } finally {
    await producer.disconnect();
  }
}
