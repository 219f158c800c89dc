import { tmpdir } from 'node:os';
import { afterAll, beforeAll, test } from 'vitest';
import { compactionContract } from '../../test/contracts/compaction.ts';
import { engineContract } from '../../test/contracts/engine.ts';
import { targetContract } from '../../test/contracts/target.ts';
import { visibilityContract } from '../../test/contracts/visibility.ts';
import { images } from '../../test/support/datasets.ts';
import { NO_EXTENSIONS } from '../../test/support/no-extensions.ts';
import { systemClock as clock } from '../core/clock.ts';
import { ENGINES } from './engines/engines.ts';
import { packageRoot } from './entry.ts';
import { openFacts } from './facts.ts';
import { addressOf } from './load/targets/targets.ts';
import { COMPACTIONS } from './pipelines/compactions/compactions.ts';
import { inNamespace, loadPipeline } from './pipelines/load.ts';
import { inProcessOf, startInProcess } from './stack/in-process.ts';
import type { Stack } from './stack/stack.ts';
import { openVisibility } from './visibility/sources.ts';

/** The kinds without a server; those with one are in test/integration/contracts.test.ts. */
let stack: Stack;
beforeAll(async () => {
  stack = await startInProcess(clock, tmpdir());
  const { tables } = inProcessOf(stack);
  await tables.create('retail.numbers', { columns: { n: 'INTEGER' }, key: null });
  await tables.commit('retail.numbers', [{ n: 1 }, { n: 2 }]);
});
afterAll(() => stack?.stop());

const extensions = NO_EXTENSIONS;

targetContract('in-process', () => ({
  address: addressOf({ target: 'in-process' }, stack),
  prefix: 'contract_',
}));

engineContract('in-process', () => ({
  open: () =>
    ENGINES['in-process'].open({ stack, extensions, namespace: 'retail', logDir: '' }, { clock }),
  table: 'ice.retail.numbers',
  endless: 'range(3000000000) r(id)',
}));

visibilityContract('in-process', async () => {
  const { tables } = inProcessOf(stack);
  const dataset = { ...images('upsert'), visibility: 'in-process' as const };
  const columns = {
    event_id: 'VARCHAR',
    store_id: 'INTEGER',
    sku_id: 'INTEGER',
    version: 'BIGINT',
  };
  await tables.create('retail.inventory', { columns, key: ['store_id', 'sku_id'] });
  const facts = await openFacts();
  const place = { apart: false, topicPrefix: '', namespace: 'retail' };
  return {
    ...{ dataset, facts, inFiles: true },
    visibility: await openVisibility(
      { ...{ stack, extensions, place, facts, clock }, t0Ms: () => 0 },
      [dataset],
    ),
    commit: (version, eventId) =>
      tables.commit('retail.inventory', [{ event_id: eventId, store_id: 1, sku_id: 1, version }]),
  };
});

test('the compaction in-process', async () => {
  const { tables } = inProcessOf(stack);
  const name = 'compacted.inventory';
  await tables.create(name, { columns: { k: 'INTEGER', v: 'INTEGER' }, key: ['k'] });
  for (const v of [1, 2, 3])
    await tables.commit(name, [
      { k: 1, v },
      { k: v + 1, v },
    ]);
  const loaded = loadPipeline('./test/pipelines/in-process', packageRoot);
  const place = { apart: false, topicPrefix: '', namespace: 'compacted' };
  const pipeline = inNamespace(loaded, place);
  const connection = await tables.connect();
  const { signal } = new AbortController();
  await compactionContract({
    compact: () => COMPACTIONS['in-process'].run(pipeline, { stack, clock, signal, logDir: '' }),
    shown: () => connection.rows(`SELECT * FROM ice.${name} ORDER BY k`),
    files: async () => tables.live(name) ?? [],
  });
  connection.close();
});
