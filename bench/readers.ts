import { random } from '../src/core/random.ts';
import type { Reader } from '../src/harness/engines/engine.ts';
import { packageRoot } from '../src/harness/entry.ts';
import { lookupKeys } from '../src/harness/experiment/lookup-keys.ts';
import {
  inNamespace,
  loadPipeline,
  type PipelineQuery,
  queriesUsed,
} from '../src/harness/pipelines/load.ts';
import { QUERY_ENGINES, type QueryEngineName } from '../src/scenario/scenario.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { median, type OpenEngines, openEngines, SameAnswer } from './engines.ts';
import { type Replay, withReplay } from './replay.ts';
import { extentOf, fillByLoad, stockUnderLoad, type TableExtent } from './tables.ts';

const LOAD_S = 60;
/** Unmeasured before it: JVMs compile what they run. */
const WARM_UP = 3;
const HOT = 10;
const COLD = 3;
/** In a new engine: a lookup of one row, and the whole table. A JVM that starts takes seconds. */
const COLD_QUERIES = ['store-lookup', 'full-aggregate'];
const TIMEOUT_MS = 120_000;

const scenario = stockUnderLoad({
  name: 'readers',
  retail: 'stores: 200, skus: 1000, assortment: 250',
  receipts: '150/store/h',
  commitEvery: '2s',
});

/** The queries of a pipeline by every engine, over the same files: equal answers, latencies in turns. */
export const readers: Bench = {
  name: 'readers',
  about: `queries of ${scenario.pipeline.use} by ${QUERY_ENGINES.join(', ')}: the same answers, hot and cold`,
  run: (context) =>
    withReplay(context, { name: 'readers', scenario }, async (replay) => {
      context.say(`${LOAD_S} s of load`);
      await fillByLoad(context, replay, { scenario, loadS: LOAD_S });
      const extent = await extentOf(replay, 'inventory');
      const { stack, probes } = replay;
      const { namespace } = probes.place;
      await using engines = await openEngines(context, { stack, namespace });
      const { rows, ratios } = await compared(context, replay, engines.readers);
      return { title: titleOf(extent), rows, ratios, notes: [...engines.absent, ...NOTES] };
    }),
};

const NOTES = [
  `hot: ${HOT} answers after ${WARM_UP} that are not counted, engines in turns; an engine that runs is given the whole machine`,
  `cold: ${COLD} answers, each by a new instance of the engine; the time to start it and to attach the tables is "attach"`,
  'the answers of all engines are compared row by row; another one ends the bench',
];

const titleOf = ({ rows, dataFiles, deleteFiles, deletedKeys }: TableExtent) =>
  `${rows} rows of stock in ${dataFiles} data files, ${deletedKeys} deleted keys in ${deleteFiles} delete files; nothing commits`;

/** Latencies of one query by one engine, ms. */
interface Latencies {
  readonly query: string;
  readonly engine: QueryEngineName;
  readonly hot: number[];
  readonly cold: number[];
  readonly attach: number[];
  /** CPU seconds of all hot answers; null: the engine does not know. */
  cpuS: number | null;
}

async function compared(
  { clock, say }: BenchContext,
  { probes }: Replay,
  opened: OpenEngines['readers'],
) {
  const engines = [...opened.keys()];
  const loaded = inNamespace(loadPipeline(scenario.pipeline.use, packageRoot), probes.place);
  const asked = queriesUsed(loaded, engines);
  const draw = random(scenario.seed, 'readers');
  const known = { ...lookupKeys(scenario)(draw), now_ms: clock.nowMs() };
  const found: Latencies[] = [];
  for (const name of new Set(asked.map((query) => query.name))) {
    say(name);
    const queries = asked.filter((query) => query.name === name);
    const of = new Map(
      queries.map((query) => [query, noneYet(name, query.engine as QueryEngineName)]),
    );
    const params = (query: PipelineQuery) =>
      Object.fromEntries(query.parameters.map((one) => [one, known[one]]));
    const same = new SameAnswer();
    for (let round = 0; round < WARM_UP + HOT; round++) {
      for (const [query, latencies] of of) {
        const reader = opened.get(latencies.engine) as Reader;
        const answer = await reader.query(query.sql, params(query), { timeoutMs: TIMEOUT_MS });
        same.check(`${name} by ${latencies.engine}`, answer);
        if (round < WARM_UP) continue;
        latencies.hot.push(answer.endMs - answer.startMs);
        latencies.cpuS =
          latencies.cpuS === null || answer.cpuS === null ? null : latencies.cpuS + answer.cpuS;
      }
    }
    for (let round = 0; COLD_QUERIES.includes(name) && round < COLD; round++) {
      for (const [query, latencies] of of) {
        const reader = opened.get(latencies.engine) as Reader;
        const answer = await reader.cold(query.sql, params(query), { timeoutMs: TIMEOUT_MS });
        same.check(`${name} by ${latencies.engine}`, answer);
        latencies.cold.push(answer.endMs - answer.startMs);
        if (answer.attachMs !== null) latencies.attach.push(answer.attachMs);
      }
    }
    found.push(...of.values());
  }
  return { rows: found.map(rowOf), ratios: ratiosOf(found) };
}

function noneYet(query: string, engine: QueryEngineName): Latencies {
  return { query, engine, hot: [], cold: [], attach: [], cpuS: 0 };
}

function rowOf({ query, engine, hot, cold, attach, cpuS }: Latencies): BenchRow {
  return {
    what: `${query}, ${engine}`,
    values: {
      'hot p50 ms': median(hot),
      'hot max ms': Math.max(...hot),
      'core-ms each': cpuS === null ? null : (cpuS * 1_000) / hot.length,
      'cold p50 ms': median(cold),
      'attach p50 ms': median(attach),
    },
  };
}

/** Of every engine to the first one, by the medians of the hot answers. */
function ratiosOf(found: readonly Latencies[]) {
  return found.flatMap(({ query, engine, hot }) => {
    const [first] = found.filter((one) => one.query === query);
    if (first === undefined || first.engine === engine) return [];
    const ratio = Number(median(hot)) / Number(median(first.hot));
    return [{ name: `${query}, hot: ${engine} / ${first.engine}`, ratio }];
  });
}
