import { readFileSync } from 'node:fs';
import parsePrometheus from 'parse-prometheus-text-format';
import { expect, test } from 'vitest';
import type { ProgressTick, RunEvent } from '../harness/experiment/progress.ts';
import { liveMetrics } from './live-metrics.ts';
import { metricsAddress, serveMetrics } from './metrics-server.ts';

const TICK: ProgressTick = {
  ...{ phase: 'spike "1"\n', elapsedMs: 1_500, remainingMs: 61_000, incidents: 1 },
  load: {
    ...{ scheduled: 120, handedOver: 110, acknowledged: 100 },
    ...{ slipP99Ms: 12, slipMaxMs: 20, behindMs: 250 },
  },
  targetPerSecond: 40.5,
  tables: {
    stock: {
      ...{ commits: 3, rows: 99, behind: 1, staleness: { p50: 800, p99: 1_900 } },
      last: {
        ...{ rows: 9, markers: [], staleness: null },
        files: { data: 4, equalityDeletes: 2, positionDeletes: 0, dvs: 0, dataBytes: [] },
      },
    },
    receipts: { commits: 0, rows: 0, behind: 0, staleness: null, last: null },
  },
  stock: 'stock',
  lastQuery: { name: 'store-lookup', ms: 31, outcome: 'timeout' },
};

const LATE = 'staleness(stock).p99 < 10s';
const SO_FAR: Extract<RunEvent, { kind: 'so-far' }> = {
  ...{ kind: 'so-far', checks: ['lost == 0', LATE], failed: [] },
  backlog: [
    { dataset: 'stock', changes: 12, ageMs: 2_500 },
    { dataset: 'receipts', changes: 0, ageMs: 0 },
  ],
};

/** All samples of a text, by name and labels. */
function samplesOf(text: string): ReadonlyMap<string, number> {
  return new Map(
    parsePrometheus(text).flatMap(({ name, metrics }) =>
      metrics.map(({ labels, value }) => {
        const named = Object.entries(labels ?? {}).map(([key, its]) => `${key}=${its}`);
        return [[name, ...named].join(' '), Number(value)] as const;
      }),
    ),
  );
}

function shown(...ticks: readonly ProgressTick[]) {
  const metrics = liveMetrics('quick');
  metrics.show({ kind: 'plan', folder: '/r/2026-quick', timedMs: 1, line: '' });
  metrics.show({ kind: 'server', server: 'kafka', state: 'starting', ms: 0 });
  metrics.show({ kind: 'server', server: 'kafka', state: 'ready', ms: 900 });
  if (ticks.length > 0) metrics.show(SO_FAR);
  for (const tick of ticks) metrics.show({ kind: 'tick', tick });
  return metrics;
}

/** The golden text was read without an error by the format's own parser too, that of prometheus_client 0.21.1. */
test('a tick is metrics of the run, in base units, and what is unknown has no sample', async () => {
  const text = await shown(TICK).text();
  await expect(text).toMatchFileSnapshot('../../test/golden/live-metrics.txt');
  expect(text.endsWith('# EOF\n')).toBe(true);
  const samples = samplesOf(text);
  expect(samples.get('doorbuster_run_info scenario=quick run=2026-quick')).toBe(1);
  expect(samples.get('doorbuster_server_ready server=kafka')).toBe(1);
  expect(samples.get('doorbuster_load_acknowledged_events_total')).toBe(100);
  expect(samples.get('doorbuster_load_overdue_events')).toBe(10);
  expect(samples.get('doorbuster_staleness_p99_seconds dataset=stock')).toBe(1.9);
  expect(samples.get('doorbuster_files dataset=stock content=equality_delete')).toBe(2);
  expect(samples.get('doorbuster_rows_total dataset=receipts')).toBe(0);
  expect(samples.has('doorbuster_staleness_p99_seconds dataset=receipts')).toBe(false);
  expect(samples.has('doorbuster_files dataset=receipts content=data')).toBe(false);
  expect(samples.get('doorbuster_query_ok query=store-lookup')).toBe(0);
});

test('every tick replaces the one before, and nothing is known before the first', async () => {
  const before = samplesOf(await shown().text());
  expect([...before.keys()].sort()).toEqual([
    'doorbuster_run_info scenario=quick run=2026-quick',
    'doorbuster_server_ready server=kafka',
  ]);
  const drained = { ...TICK, phase: 'drain', load: null, targetPerSecond: null, lastQuery: null };
  const after = samplesOf(await shown(TICK, TICK, drained).text());
  expect([...after.keys()].filter((name) => name.startsWith('doorbuster_phase'))).toEqual([
    'doorbuster_phase phase=drain',
  ]);
  expect(after.get('doorbuster_rows_total dataset=stock')).toBe(99);
  expect([...after.keys()].some((name) => /load|query/.test(name))).toBe(false);
});

test('the lag and the verdict so far stay until they are computed again, and a check that has failed stays failed', async () => {
  const metrics = shown(TICK, TICK);
  const before = samplesOf(await metrics.text());
  expect(before.get('doorbuster_backlog_changes dataset=stock')).toBe(12);
  expect(before.get('doorbuster_age_seconds dataset=stock')).toBe(2.5);
  expect(before.get('doorbuster_age_seconds dataset=receipts')).toBe(0);
  expect(before.get('doorbuster_verdict state=pending')).toBe(1);
  expect(before.get('doorbuster_verdict state=failed')).toBe(0);

  // What the watch of the checks reports last: the load is over.
  metrics.show({ ...SO_FAR, failed: [LATE], backlog: [] });
  const after = samplesOf(await metrics.text());
  const state = (check: string) =>
    ['pending', 'failed'].map((one) => after.get(`doorbuster_check check=${check} state=${one}`));
  expect(state(LATE)).toEqual([0, 1]);
  expect(state('lost == 0')).toEqual([1, 0]);
  expect(after.get('doorbuster_verdict state=failed')).toBe(1);
  expect(after.has('doorbuster_backlog_changes dataset=stock')).toBe(false);
});

test('they are served on loopback alone, and a taken port is one clear error', async () => {
  const metrics = shown(TICK);
  let url: string;
  {
    await using server = await serveMetrics(':0', metrics);
    url = server.url;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
    expect(await answer.text()).toBe(await metrics.text());
    expect((await fetch(new URL('/', url))).status).toBe(404);
    const { port } = new URL(url);
    await expect(serveMetrics(`:${port}`, metrics)).rejects.toThrow(
      `cannot serve metrics on 127.0.0.1:${port}: another program listens there`,
    );
  }
  await expect(fetch(url)).rejects.toThrow();
});

test('an address is a port, or a host and a port', () => {
  expect(metricsAddress(':9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(metricsAddress('9464')).toEqual({ host: '127.0.0.1', port: 9464 });
  expect(metricsAddress('0.0.0.0:1')).toEqual({ host: '0.0.0.0', port: 1 });
  expect(metricsAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
  for (const wrong of ['', ':', 'x', ':65536', 'localhost', '::1:80', 'a:b']) {
    expect(() => metricsAddress(wrong), wrong).toThrow(/is not an address/);
  }
});

test('the dashboard asks only for metrics that exist, and for all that change', async () => {
  const dashboard = readFileSync(new URL('../../docs/grafana.json', import.meta.url), 'utf8');
  const { panels } = JSON.parse(dashboard) as {
    readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
  };
  const asked = panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/doorbuster_\w+/g) ?? []),
  );
  const text = await shown(TICK).text();
  const known = new Set([...samplesOf(text).keys()].map((key) => key.split(' ')[0]));
  expect(new Set(asked)).toEqual(known);
});
