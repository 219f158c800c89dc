import { join } from 'node:path';
import { expect, test } from 'vitest';
import { STREAMS } from '../../../scenario/scenario.ts';
import { packageRoot } from '../../entry.ts';
import { loadPipeline } from '../load.ts';
import { capturesOf } from './captures.ts';

const { manifest } = loadPipeline('cdc-postgres', packageRoot);
const [stage] = manifest.stages;
if (stage?.run !== 'debezium') throw new Error('the pipeline has another stage');

const given = {
  ...{ stage, streams: STREAMS, partitions: 12 },
  place: { namespace: 'retail', topicPrefix: 'run_1_', apart: true },
  database: {
    ...{ host: '127.0.0.1', port: 1, user: 'doorbuster', database: 'postgres' },
    internal: { host: 'postgres', port: 2 },
  },
} as const;

test('the connectors are as golden', async () => {
  await expect(`${JSON.stringify(capturesOf(given), null, 2)}\n`).toMatchFileSnapshot(
    join(packageRoot, 'test/golden/connect/captures.json'),
  );
});

test('there is one for each table that the streams are in', () => {
  const names = (streams: (typeof given)['streams'] | ['pos'] | ['inventory']) =>
    capturesOf({ ...given, streams }).map(({ name }) => name);
  expect(names(['pos'])).toEqual(['run_1_outbox']);
  expect(names(['inventory'])).toEqual(['run_1_stock']);
});

test('on a stack of its own the schema has a name, and the settings of the stage replace the generated ones', () => {
  const place = { ...given.place, topicPrefix: '' };
  const settings = { 'snapshot.mode': 'no_data' };
  for (const { name, config } of capturesOf({ ...given, place, stage: { ...stage, settings } })) {
    expect(config).toMatchObject({ ...settings, 'table.include.list': `stores.${name}` });
  }
});
