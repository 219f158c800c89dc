import { expect, test } from 'vitest';
import { scenarioOf } from '../../../test/support/retail.ts';
import { impactOf } from './impact.ts';

const scenario = scenarioOf(
  'traffic.pos.receipts=400/store/h',
  'traffic.wms={}',
  'traffic.inventory.preload=assortment',
  'phases.only.for=3h',
  'phases.only.load=5x',
);
const options = { orders: 12_000, signal: new AbortController().signal, onStore: () => {} };

const constant = (label: string, ms: number) =>
  ({ label, lateness: { kind: 'constant', ms } }) as const;

test('without lateness no promise is stale; with more of it there are more, and the rest stays as it is', async () => {
  const views = [constant('0s', 0), constant('1m', 60_000), constant('47m', 47 * 60_000)];
  const found = await impactOf(scenario, views, options);
  const [none, minute, most] = found.map(({ phases }) => phases[0]?.line);
  expect(none?.stale).toBe(0);
  expect(minute?.stale).toBeGreaterThan(0);
  expect(most?.stale).toBeGreaterThan(3 * (minute?.stale ?? 0));
  // The same orders in every view.
  const total = (line: typeof none) => (line?.promised ?? 0) + (line?.refused ?? 0);
  expect(total(minute)).toBe(total(none));
  expect(found[2]?.phases[0]?.safetyStock?.prevented).toBeGreaterThan(0);
});

test('batches of an interval cost about as much as half of it, always', async () => {
  const [constantly, batches] = await impactOf(
    scenario,
    [constant('5m', 300_000), { label: '10m', lateness: { kind: 'batches', everyMs: 600_000 } }],
    options,
  );
  const stale = (one: typeof batches) => one?.phases[0]?.line.stale ?? 0;
  expect(batches?.meanMs).toBe(constantly?.meanMs);
  // Some hundred promises on some tens of rows, which run short together: a factor of two would show.
  expect(stale(batches) / stale(constantly)).toBeGreaterThan(0.6);
  expect(stale(batches) / stale(constantly)).toBeLessThan(1.6);
});

test('other views change nothing in a view, and the same seed gives the same numbers', async () => {
  const alone = await impactOf(scenario, [constant('1m', 60_000)], options);
  const [, accompanied] = await impactOf(
    scenario,
    [constant('0s', 0), constant('1m', 60_000)],
    options,
  );
  expect(accompanied).toEqual(alone[0]);
});

test('an aborted replay ends with the reason', async () => {
  const aborted = { ...options, signal: AbortSignal.abort(new Error('stopped')) };
  await expect(impactOf(scenario, [constant('0s', 0)], aborted)).rejects.toThrow('stopped');
});
