import { expect, test } from 'vitest';
import { SERVERS } from '../../core/metrics.ts';
import { parseScenario } from '../../scenario/parse.ts';
import { packageRoot } from '../entry.ts';
import { loadPipeline, SHIPPED } from '../pipelines/load.ts';
import {
  programsUsed,
  refuseUnusedServers,
  refuseWithoutImage,
  serversOfShipped,
  serversUsed,
} from './servers-used.ts';

const text = `name: any
retail: { stores: 2, skus: 5 }
traffic: { pos: {} }
phases: [{ name: a, for: 5s, load: 1x }]
faults:
  - { do: pause, server: kafka, during: a, at: 1s, for: 1s }
staleness_target: 5s
`;
const parsed = { ...parseScenario(text, { file: 'any.yaml' }), file: 'any.yaml' };
const of = (name: string) => loadPipeline(name, packageRoot);
const IN_PROCESS = './test/pipelines/in-process';

const LAKEHOUSE = SERVERS.slice(0, SERVERS.indexOf('redis'));

const WITHOUT_CATALOG: readonly string[] = ['batch', 'warehouse', 'ducklake'];
const WITHOUT_FLINK: readonly string[] = [...WITHOUT_CATALOG, 'spark-merge', 'kafka-connect'];

test.each(WITHOUT_CATALOG)('%s uses the log and the object store', (name) => {
  expect(serversUsed(of(name), parsed.scenario)).toEqual(['kafka', 'minio']);
});

test('spark-merge uses the servers of a lakehouse without Flink, and a program', () => {
  const pipeline = of('spark-merge');
  expect(serversUsed(pipeline, parsed.scenario)).toEqual(['kafka', 'minio', 'catalog']);
  expect(programsUsed(pipeline, parsed.scenario)).toEqual(['spark-merge']);
});

test('kafka-connect uses its worker and the catalog, and no Flink', () => {
  expect(serversUsed(of('kafka-connect'), parsed.scenario)).toEqual([
    ...['kafka', 'minio', 'catalog', 'connect'],
  ]);
});

test.each(SHIPPED.filter((name) => !WITHOUT_FLINK.includes(name)))(
  '%s uses every server of a lakehouse, and the one of its view',
  (name) => {
    expect(serversUsed(of(name), parsed.scenario)).toEqual([
      ...LAKEHOUSE,
      ...(name === 'hot-view' ? ['redis'] : []),
      ...(name === 'cdc-postgres' ? ['connect', 'postgres'] : []),
    ]);
    refuseUnusedServers(parsed, of(name));
  },
);

test('a stack for any shipped pipeline has what these use, and no more', () => {
  expect(serversOfShipped()).toEqual([...LAKEHOUSE, 'redis']);
  expect(serversOfShipped(['connect', 'postgres'])).toEqual(SERVERS);
});

test('a pipeline in this process uses none, and none of them can fail', () => {
  expect(serversUsed(of(IN_PROCESS), parsed.scenario)).toEqual([]);
  expect(() => refuseUnusedServers(parsed, of(IN_PROCESS))).toThrow(
    /faults\[0\]\.server: the pipeline in-process does not use kafka; it uses no server\n {2}at any\.yaml:6:26/,
  );
});

test('a server that the seed draws, and that the pipeline does not use, is refused where it is named', () => {
  const drawn = text.replace(
    /faults:[\s\S]*?(?=staleness_target)/,
    'random_faults: { servers: { kafka: [kill] }, every: 10s, for: 1s, recovery: 1s }\n',
  );
  const file = 'any.yaml';
  const its = { ...parseScenario(drawn, { file, set: ['phases.0.for=60s'] }), file };
  expect(its.scenario.faults.length).toBeGreaterThan(1);
  expect(() => refuseUnusedServers(its, of('cdc-upsert'))).not.toThrow();
  expect(() => refuseUnusedServers(its, of(IN_PROCESS))).toThrow(
    /has a problem\n\nrandom_faults\.servers\.kafka: the pipeline in-process does not use kafka; .*\n {2}at any\.yaml:5:29/,
  );
});

const withEngines = (engines: string) => {
  const named = `${text}queries: { engine: ${engines} }\n`;
  return { ...parseScenario(named, { file: 'any.yaml' }), file: 'any.yaml' };
};

test('a program is started only for a run that uses it', () => {
  const used = (engines: string) => programsUsed(of('cdc-upsert'), withEngines(engines).scenario);
  expect(programsUsed(of('cdc-upsert'), parsed.scenario)).toEqual([]);
  expect(used('duckdb')).toEqual([]);
  expect(used('[duckdb, spark]')).toEqual(['spark']);
  expect(used('[trino, duckdb]')).toEqual(['trino']);
});

test('an engine without an image is refused in containers, before anything is started', () => {
  const scenario = withEngines('[duckdb, trino]');
  const refuse = (runtime: 'processes' | 'containers') =>
    refuseWithoutImage(scenario, of('cdc-upsert'), runtime);
  expect(() => refuse('processes')).not.toThrow();
  expect(() => refuse('containers')).toThrow(
    expect.objectContaining({
      exitCode: 2,
      message: expect.stringMatching(
        /queries\.engine: trino has no image, and the servers of this run are in containers: .*\n {2}at any\.yaml:8:20/,
      ),
    }),
  );
  expect(() =>
    refuseWithoutImage(withEngines('[duckdb, spark]'), of('cdc-upsert'), 'containers'),
  ).not.toThrow();
});
