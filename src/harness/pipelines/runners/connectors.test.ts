import { join } from 'node:path';
import { expect, test } from 'vitest';
import { STREAMS } from '../../../scenario/scenario.ts';
import { packageRoot } from '../../entry.ts';
import { loadPipeline } from '../load.ts';
import { connectorsOf } from './connectors.ts';
import { sinkSchema } from './sink-tables.ts';

const { manifest } = loadPipeline('kafka-connect', packageRoot);
const [stage] = manifest.stages;
if (stage?.run !== 'kafka-connect') throw new Error('the pipeline has another stage');
const golden = (name: string) => join(packageRoot, 'test/golden/connect', name);
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

const given = {
  ...{ stage, datasets: manifest.datasets, streams: STREAMS, commitEveryMs: 5_000, parallelism: 2 },
  place: { namespace: 'retail', topicPrefix: 'run_1_', apart: true },
  endpoints: {
    catalog: { uri: 'http://127.0.0.1:1', warehouse: 's3://warehouse/', auth: { kind: 'none' } },
    s3: {
      ...{ endpoint: 'http://127.0.0.1:2', region: 'us-east-1', bucket: 'warehouse' },
      ...{ accessKeyId: 'key', secretAccessKey: 'secret' },
    },
    internal: { brokers: ['kafka:1'], s3: 'http://minio:2', catalog: 'http://catalog:3' },
  },
} as const;

test('the connectors are as golden, without a credential', async () => {
  const connectors = connectorsOf(given);
  await expect(json(connectors)).toMatchFileSnapshot(golden('connectors.json'));
  expect(json(connectors)).not.toContain('secret');
});

test('the settings of the stage replace the generated ones', () => {
  const settings = { 'errors.tolerance': 'none', 'consumer.override.max.poll.records': '10' };
  for (const { config } of connectorsOf({ ...given, stage: { ...stage, tasks: 3, settings } })) {
    expect(config).toMatchObject(settings);
  }
  const [first] = connectorsOf({ ...given, stage: { ...stage, tasks: 3 } });
  expect(first?.config['tasks.max']).toBe('3');
});

test('the tables have a column per field and list, with ids of their own', async () => {
  const schemas = Object.fromEntries(manifest.datasets.map((one) => [one.name, sinkSchema(one)]));
  await expect(json(schemas)).toMatchFileSnapshot(golden('tables.json'));
  for (const schema of Object.values(schemas)) {
    const ids = [...json(schema).matchAll(/"(?:id|element-id)": (\d+)/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  }
});
