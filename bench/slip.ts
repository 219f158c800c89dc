import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { rateAt } from '../src/generators/expected/rate.ts';
import { openFacts } from '../src/harness/facts.ts';
import { ingestFacts } from '../src/harness/load/ingest-facts.ts';
import { HEAD_START_MS, startLoad } from '../src/harness/load/load.ts';
import { LATE_AFTER_MS } from '../src/harness/measure/producing.ts';
import { ownNamespace } from '../src/harness/run-namespace.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { ownCpuS } from './cpu.ts';
import { startKafka } from './kafka.ts';

const RATES = [1_000, 5_000, 10_000] as const;
const FOR_S = 15;
const LATE = `later than ${LATE_AFTER_MS} ms, %`;

/** All five streams at a load that makes so many messages a second. */
function scenarioAt(perSecond: number): Scenario {
  const at = (perStoreHour: number) =>
    parseScenario(
      `
name: slip
retail: { stores: 100, skus: 500, assortment: 100, hours: flat }
traffic:
  pos: { receipts: ${perStoreHour}/store/h }
  wms: {}
  loyalty: {}
  inventory: { preload: none }
phases: [{ name: only, for: ${FOR_S}s }]
`,
      { file: 'slip' },
    ).scenario;
  // The rate is linear in the receipts: nothing else sends.
  const unit = rateAt(at(100), 1_000) / 100;
  return at(Number((perSecond / unit).toFixed(3)));
}

/** How late messages are handed over, at rising rates, by the very threads of a run. */
export const slip: Bench = {
  name: 'slip',
  about: `schedule slip at ${RATES.join(', ')} events a second, against one broker`,
  async run(context) {
    await using kafka = await startKafka(context);
    await kafka.createTopics(scenarioAt(1_000).stack.partitions);
    const rows: BenchRow[] = [];
    for (const rate of RATES) {
      context.say(`${rate} events a second for ${FOR_S} s`);
      rows.push(await slipAt(rate, context, kafka.brokers));
    }
    return {
      title: `Schedule slip: hand-over minus intended send, ${FOR_S} s each`,
      rows,
      ratios: rows.map(({ what, values }) => ({
        name: `handed over within ${LATE_AFTER_MS} ms at ${what}`,
        ratio: 1 - (values[LATE] ?? Number.NaN) / 100,
      })),
      notes: [
        'the intended rate is a mean over seeds: what one tape holds is Poisson',
        'a batch waits for 20 ms at most (linger), which is part of the slip',
      ],
    };
  },
};

async function slipAt(
  rate: number,
  { dir, clock, signal }: BenchContext,
  brokers: readonly string[],
): Promise<BenchRow> {
  const scenario = scenarioAt(rate);
  const factsDir = join(dir, `facts-${rate}`);
  mkdirSync(factsDir);
  await using facts = await openFacts();
  await using load = await startLoad({
    scenario,
    target: { kind: 'kafka', brokers },
    place: ownNamespace({ namespace: 'retail' }),
    dir: factsDir,
    runId: `slip-${rate}`,
    clock,
    signal,
  });
  const cpuBeforeS = ownCpuS();
  const t0Ms = clock.nowMs() + HEAD_START_MS;
  await load.begin(t0Ms);
  await clock.sleep(HEAD_START_MS + FOR_S * 1_000, signal);
  await load.stopAt(FOR_S * 1_000 + 100);
  const result = await load.finish();
  const cpuS = ownCpuS() - cpuBeforeS;
  await ingestFacts(facts, result);
  const [told] = await facts.rows<{ n: number; p50: number; p99: number; late: number }>(
    `SELECT count(*)::INTEGER AS n, quantile_cont(sent_ms - due_ms, 0.5) AS p50,
       quantile_cont(sent_ms - due_ms, 0.99) AS p99,
       avg((sent_ms - due_ms > $late)::INTEGER) AS late
     FROM events WHERE acked_ms IS NOT NULL AND due_ms < $end`,
    { late: LATE_AFTER_MS, end: t0Ms + FOR_S * 1_000 },
  );
  if (!told) throw new Error('an aggregate without GROUP BY gave no row');
  return {
    what: `${rate} events/s`,
    values: {
      intended: rate,
      'events/s': told.n / FOR_S,
      'p50 ms': told.p50,
      'p99 ms': told.p99,
      [LATE]: told.late * 100,
      threads: result.workers,
      'events/core-s': told.n / cpuS,
    },
  };
}
