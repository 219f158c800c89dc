import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { NO_EXTENSIONS } from '../../../test/support/no-extensions.ts';
import { systemClock as clock } from '../../core/clock.ts';
import type { EngineKind } from '../../topology/manifest.ts';
import { ENGINES } from '../engines/engines.ts';
import { openFacts } from '../facts.ts';
import { startInProcess } from '../stack/in-process.ts';
import type { ProbeContext } from './probe.ts';
import { queryProbe } from './queries.ts';

/** Two engines side by side; both are the one that needs no server, under two names. */
test('several engines answer the same queries, each with its own readers and rows', async () => {
  await using stack = await startInProcess(clock, tmpdir());
  await using facts = await openFacts();
  const opened: (EngineKind | undefined)[] = [];
  const extensions = NO_EXTENSIONS;
  const open = { stack, extensions, namespace: 'retail', logDir: '' };
  const query = (engine: EngineKind) => ({
    ...{ name: 'one', engine, sql: 'SELECT 1 AS one', parameters: [] },
  });
  const context: Partial<ProbeContext> = {
    ...{ facts, clock, signal: new AbortController().signal, phase: () => 'before' },
    queries: [query('duckdb'), query('spark')],
    openReader(limits, kind) {
      opened.push(kind);
      return ENGINES['in-process'].open(open, { ...limits, clock });
    },
    scenario: {
      seed: 1,
      queries: {
        everyMs: 20,
        timeoutMs: 5_000,
        roundSamples: 3,
        roundBudgetMs: 5_000,
        coldSamples: 2,
      },
    } as ProbeContext['scenario'],
    lookupKey: () => ({ store: 1, sku: 1 }),
    fail(cause) {
      throw cause;
    },
  };
  const probe = await queryProbe.start(context as ProbeContext);
  await clock.sleep(200);
  await probe.round('before', 'hot');
  await probe.round('before', 'cold');
  await probe.stop();
  expect(opened).toEqual(['duckdb', 'spark']);
  expect(probe.last()).toMatchObject({ name: 'one', outcome: 'ok' });
  const rows = await facts.rows(`
    SELECT name, engine, mode, least(count(*), CASE mode WHEN 'trickle' THEN 1 ELSE 9 END) AS n
    FROM queries WHERE outcome = 'ok' GROUP BY name, engine, mode ORDER BY engine, mode`);
  const of = (name: string, engine: string) => [
    { name, engine, mode: 'cold', n: 2 },
    { name, engine, mode: 'hot', n: 3 },
    { name, engine, mode: 'trickle', n: 1 },
  ];
  expect(rows).toEqual([...of('one', 'duckdb'), ...of('one@spark', 'spark')]);
  // The rounds follow one another, and no background query runs at the same time.
  const [overlaps] = await facts.rows<{ n: number }>(`
    SELECT count(*) AS n FROM queries a JOIN queries b
      ON a.mode = 'hot' AND a.engine <> b.engine AND a.start_ms < b.end_ms AND b.start_ms < a.end_ms`);
  expect(overlaps?.n).toBe(0);
});
