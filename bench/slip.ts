import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { rateAt } from '../src/generators/expected/rate.ts';
import { openFacts } from '../src/harness/facts.ts';
import { ingestFacts } from '../src/harness/load/ingest-facts.ts';
import { HEAD_START_MS, startLoad } from '../src/harness/load/load.ts';
import { LATE_AFTER_MS } from '../src/harness/measure/producing.ts';
import { ownNamespace } from '../src/harness/run-namespace.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { KafkaClient, Scenario } from '../src/scenario/scenario.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { ownCpuS } from './cpu.ts';
import { startKafka } from './kafka.ts';

const RATES = [1_000, 5_000, 10_000] as const;
export const FOR_S = 15;
const LATE = `later than ${LATE_AFTER_MS} ms, %`;

/** All five streams at a load that makes so many messages a second. */
export function scenarioAt(perSecond: number, client: KafkaClient = 'platformatic'): Scenario {
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
stack: { kafka_client: ${client} }
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
      const given = { scenario: scenarioAt(rate), brokers: kafka.brokers, paced: true };
      const sent = await sendTape(context, given);
      rows.push({
        what: `${rate} events/s`,
        values: {
          intended: rate,
          'events/s': sent.events / FOR_S,
          'p50 ms': sent.p50Ms,
          'p99 ms': sent.p99Ms,
          [LATE]: sent.late * 100,
          threads: sent.threads,
          'events/core-s': sent.events / sent.cpuS,
        },
      });
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
        'a batch waits for 20 ms or 25 messages (linger), which is part of the slip',
      ],
    };
  },
};

/** What sending the tape took, and how late its messages were handed over. */
export interface SentTape {
  readonly events: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share handed over later than LATE_AFTER_MS. */
  readonly late: number;
  readonly threads: number;
  readonly cpuS: number;
}

/**
 * Sends the tape of `FOR_S` seconds to topics that exist. `paced`: as it falls due; else t0 lies so far in the past that
 * all of it is due at once, so that the same messages are sent as fast as possible.
 */
export async function sendTape(
  { dir, clock, signal }: BenchContext,
  given: {
    /** Of `FOR_S` seconds. */
    readonly scenario: Scenario;
    readonly brokers: readonly string[];
    readonly paced: boolean;
    readonly topicPrefix?: string;
    readonly workers?: number;
  },
): Promise<SentTape> {
  const { scenario, brokers, paced, topicPrefix = '', workers } = given;
  const factsDir = mkdtempSync(join(dir, 'facts-'));
  await using facts = await openFacts();
  await using load = await startLoad({
    ...{ scenario, dir: factsDir, runId: 'slip', clock, signal },
    target: { kind: 'kafka', access: { brokers } },
    place: { ...ownNamespace({ namespace: 'retail' }), topicPrefix },
    ...(workers === undefined ? {} : { workers }),
  });
  const cpuBeforeS = ownCpuS();
  const t0Ms = clock.nowMs() + (paced ? HEAD_START_MS : -FOR_S * 1_000);
  await load.begin(t0Ms);
  if (paced) await clock.sleep(HEAD_START_MS + FOR_S * 1_000, signal);
  await load.stopAt(FOR_S * 1_000);
  const result = await load.finish();
  const cpuS = ownCpuS() - cpuBeforeS;
  await ingestFacts(facts, result);
  const [found] = await facts.rows<{ n: number; p50: number; p99: number; late: number }>(
    `SELECT count(*)::INTEGER AS n, quantile_cont(sent_ms - due_ms, 0.5) AS p50,
       quantile_cont(sent_ms - due_ms, 0.99) AS p99,
       avg((sent_ms - due_ms > $late)::INTEGER) AS late
     FROM events WHERE acked_ms IS NOT NULL`,
    { late: LATE_AFTER_MS },
  );
  if (!found) throw new Error('an aggregate without GROUP BY gave no row');
  const { n: events, p50: p50Ms, p99: p99Ms, late } = found;
  return { events, p50Ms, p99Ms, late, threads: result.workers, cpuS };
}
