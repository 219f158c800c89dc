import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectedCounts } from '../../generators/expected/rate.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { packageRoot } from '../entry.ts';
import { loadPipeline } from '../pipelines/load.ts';
import { comparedLine, estimateLines, estimateOf, repeatLine } from './estimate.ts';

const text = readFileSync(join(packageRoot, 'scenarios', 'black-friday.yaml'), 'utf8');
const { manifest } = loadPipeline('cdc-upsert', packageRoot);
const estimated = (yaml: string, set: readonly string[]) => {
  const { scenario } = parseScenario(yaml, { file: 'black-friday.yaml', set });
  return { scenario, ...estimateOf(scenario, manifest) };
};
/** The main job with a small stock, which goes through the sink. */
const SMALL = ['retail.skus=500', 'retail.assortment=20', 'traffic.inventory.via=stream'];
const of = (...set: string[]) => estimated(text, [...SMALL, ...set]);

describe('an estimate', () => {
  test('holds what the timed phases say, and names those that take as long as they take', () => {
    const { timedMs, openPhases } = of();
    expect(timedMs).toBe(80_000);
    expect(openPhases).toEqual(['before', 'compact', 'after']);
  });

  test('counts the opening stock, what the phases are to send, and what goes on beneath the rest', () => {
    const { scenario, events } = of();
    const timed = expectedCounts(scenario).reduce((sum, { messages }) => sum + messages, 0);
    const known = scenario.retail.stores * scenario.retail.assortment + timed;
    expect(events).toBeGreaterThan(known);
    const longer = of('phases.spike.for=120s');
    expect(longer.timedMs).toBe(155_000);
    expect(longer.events - events).toBeGreaterThan(timed / 4);
    expect(of('traffic.inventory.preload=none').events).toBeLessThan(events - 3_500);
  });

  test('takes opening stock in bulk for a hundredth of the time, and for no message in the log', () => {
    const [stream, bulk] = ['stream', 'bulk'].map((via) =>
      of('retail.assortment=400', `traffic.inventory.via=${via}`),
    ) as [ReturnType<typeof of>, ReturnType<typeof of>];
    const keys = 200 * 400;
    expect(bulk.events).toBe(stream.events);
    expect(stream.startMs - bulk.startMs).toBeCloseTo(keys * (0.5 - 0.005), 3);
    expect(stream.dataBytes - bulk.dataBytes).toBeGreaterThan(keys * 900);
  });

  test('has the executions of the query rounds', () => {
    const { rounds } = of('queries.round_samples=20', 'queries.round_budget=10s', 'queries.cold=2');
    // Two rounds of six queries: 20 samples, one to warm up, two cold ones.
    expect(rounds).toEqual({
      ...{ phases: ['before', 'after'], samples: 20 },
      ...{ executions: 2 * 6 * 23, atMostMs: 2 * 6 * 10_000 },
    });
    const both = of('queries.round_samples=20', 'queries.cold=2', 'queries.engine=[duckdb, spark]');
    expect(both.rounds?.executions).toBe(2 * (rounds?.executions ?? 0));
    expect(both.startMs).toBeGreaterThan(of().startMs);
    expect(of('queries.engine=trino').startMs).toBeGreaterThan(both.startMs);
  });

  test('says that Spark reads a large upsert table for the oracles, and what DuckDB would take', () => {
    const [small] = of().upserted;
    const large = of('retail.assortment=2500', 'retail.skus=3000');
    const [extent] = large.upserted;
    expect(small).toMatchObject({ table: 'inventory', rows: 4_000 });
    expect(extent?.rows).toBe(500_000);
    // Each row of the opening stock deletes its own key, unless it is inserted in bulk.
    expect(extent?.deletedKeys).toBeGreaterThan(500_000);
    const where = { data: '/tmp', work: '/tmp', results: 'r' };
    expect(estimateLines(large, where).at(-1)).toMatch(/ with Spark, DuckDB would take up to \d+h/);
    const bulk = of('retail.assortment=2500', 'retail.skus=3000', 'traffic.inventory.via=bulk');
    expect(bulk.upserted[0]?.deletedKeys).toBe((extent?.deletedKeys ?? 0) - 500_000);
    const { manifest: ledger } = loadPipeline('append-ledger', packageRoot);
    expect(estimateOf(large.scenario, ledger).upserted).toEqual([]);
  });

  test('grows with what costs time and room: jobs, opening stock, commits, events', () => {
    const usual = of();
    const without = estimated(text.replace(/^ {2}loyalty:.*\n/m, ''), []);
    expect(without.scenario.traffic.loyalty).toBeNull();
    expect(without.startMs).toBeLessThan(usual.startMs);
    expect(without.dataBytes).toBeLessThan(usual.dataBytes);
    const often = of('pipeline.commit_every=1s');
    expect(often.dataBytes).toBeGreaterThan(usual.dataBytes);
    const more = of('retail.assortment=250');
    expect(more.startMs - usual.startMs).toBeGreaterThan(10_000);
    expect(more.keptBytes).toBeGreaterThan(usual.keptBytes);
  });

  test('of several trials starts the servers and warms the JVMs once', () => {
    const one = { ...of(), startMs: 70_000, timedMs: 20_000, endMs: 10_000, laterMs: 40_000 };
    expect(repeatLine(one, 3)).toMatch(/3 trials of about 40s: 3m, and 3 times before, /);
    const other = { ...one, laterMs: 50_000 };
    expect(comparedLine([one, other], 6)).toMatch(/12 trials, about 10m in all, and the time of /);
    expect(comparedLine([one, other], 6, [0])).toMatch(/12 trials and a warm-up, about 10m40s in /);
    expect(comparedLine([one, other], 6, [0, 1])).toMatch(/ and 2 warm-ups, about 11m30s in all/);
    const { startMs, timedMs, endMs, laterMs } = of();
    expect(laterMs).toBeGreaterThan(timedMs);
    expect(laterMs).toBeLessThan(startMs + timedMs + endMs);
  });

  test('is labelled as an estimate, and names what is unknown', () => {
    const [time, disk] = estimateLines(of(), { data: '/tmp', work: '/tmp', results: 'results' });
    expect(time).toMatch(
      /^estimate {2}about \w+ plus the time of before, compact and after \(.* 1m20s of timed load, /,
    );
    expect(disk).toMatch(
      /about \d+ MiB of disk in \/tmp while it runs, [\d.]+ MiB for good in results \([\d,]+ events\)$/,
    );
    const apart = (data: string | null) =>
      estimateLines(of(), { data, work: '/tmp', results: 'r' })[1];
    expect(apart('/engine')).toMatch(
      /about \d+ MiB of disk in \/engine and [\d.]+ MiB in \/tmp while /,
    );
    expect(apart(null)).toMatch(/ of disk where the servers are \(free space unknown\), and /);
    expect(estimateLines(of(), { data: '/tmp', work: '/tmp', results: 'r' })[2]).toMatch(
      /^ {10}queries of before and after: 6 with \d+ samples each, \w+ if one takes 1s, hot ones at most \w+$/,
    );
    expect(estimateLines(of(), { data: '/tmp', work: '/tmp', results: 'r' })[3]).toMatch(
      /^ {10}oracles read inventory \(up to 4,000 rows, [\d,]+ deleted keys\) with DuckDB, in up to \d+s; not judged beyond 5m of DuckDB and 10m of Spark$/,
    );
    const known = estimateLines(
      { ...of(), openPhases: [] },
      { data: '/tmp', work: '/tmp', results: 'r' },
    );
    expect(known.join()).not.toContain('plus the time of');
  });
});
