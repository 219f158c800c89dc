import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseScenario } from './parse.ts';

const TEXT = `name: away
retail: { stores: 10 }
traffic: { pos: {}, inventory: {} }
phases:
  - { name: calm, for: 10s }
  - { name: spike, for: 20s }
faults:
  - { do: kill, server: flink-taskmanager, during: spike, at: 2s, for: 5s }
staleness_target: 10s
checks:
  - recovery(flink-taskmanager) < 30s
  - area_above_target(flink-taskmanager) < 200 s·s
`;

function refusal(text: string): string | null {
  try {
    parseScenario(text, { file: 'x.yaml' });
    return null;
  } catch (error) {
    if (error instanceof DoorbusterError) return error.message;
    throw error;
  }
}

const with_ = (...faults: readonly string[]) =>
  TEXT.replace(/ {2}- \{ do: kill.*\n/, faults.map((fault) => `  - { ${fault} }\n`).join(''));

test('a fault is read, its moment from the beginning of its phase', () => {
  const { scenario } = parseScenario(TEXT, { file: 'x.yaml' });
  expect(scenario.faults).toEqual([
    { act: 'kill', server: 'flink-taskmanager', during: 'spike', atMs: 2_000, forMs: 5_000 },
  ]);
  expect(scenario.stalenessTargetMs).toBe(10_000);
  expect(scenario.checks.map(({ metric, limit }) => [metric, limit])).toEqual([
    ['recovery', 30_000],
    ['area_above_target', 200],
  ]);
});

test('without a fault there are none, and no target', () => {
  const { scenario } = parseScenario(TEXT.slice(0, TEXT.indexOf('faults:')), { file: 'x.yaml' });
  expect(scenario).toMatchObject({ faults: [], stalenessTargetMs: null });
});

test.each([
  // The server, the phase and the moment have to be there.
  ['do: kill, server: taskmanager, during: spike, at: 2s, for: 5s', 'flink-taskmanager'],
  ['do: stop, server: kafka, during: spike, at: 2s, for: 5s', 'not one of the choices'],
  ['do: kill, server: kafka, during: spyke, at: 2s, for: 5s', 'no phase "spyke": did you mean'],
  ['do: kill, server: kafka, during: spike, at: 20s, for: 5s', '"spike" is over by then'],
  ['do: kill, server: kafka, during: spike, for: 5s', '"at" is missing'],
  ['do: kill, server: kafka, during: spike, at: 2s', '"for" is missing'],
  ['do: kill, server: kafka, during: spike, at: 2s, for: 2m', 'must be from 0s to 1m'],
  [
    'do: kill, server: kafka, during: spike, at: 16s, for: 4s',
    'its recovery would not be measured',
  ],
  ['do: pause, server: kafka, during: spike, at: 1s, for: 0s', 'a pause of 0s'],
  ['do: kill, server: flink-jobmanager, during: spike, at: 1s, for: 1s', 'forgets its jobs'],
  ['do: restart, server: flink-jobmanager, during: spike, at: 1s, for: 1s', 'forgets its jobs'],
])('%s is refused: %s', (fault, fact) => {
  const message = refusal(with_(fault));
  expect(message).toContain(fact);
  expect(message).toMatch(/at x\.yaml:8:\d+/);
});

test('a server cannot go away while it is away, in whatever order that is written', () => {
  const one = 'do: pause, server: kafka, during: calm, at: 8s, for: 4s';
  const two = 'do: kill, server: kafka, during: spike, at: 1s, for: 1s';
  const other = 'do: kill, server: minio, during: spike, at: 1s, for: 1s';
  const checks = /checks:\n(.*\n)*/;
  expect(refusal(with_(one, two).replace(checks, ''))).toMatch(
    /faults\[1\]\.at: kafka is still unavailable then: it is back 12s after t0.*\n {2}at x\.yaml:9:/,
  );
  expect(refusal(with_(two, one).replace(checks, ''))).toContain('faults[0].at: kafka is still');
  expect(refusal(with_(one, other).replace(checks, ''))).toBeNull();
});

test.each([
  'do: pause, server: flink-jobmanager, during: calm, at: 0s, for: 1s',
  'do: restart, server: flink-gateway, during: calm, at: 0s, for: 0s',
  'do: kill, server: catalog, during: calm, at: 9s, for: 15s',
])('%s is taken', (fault) => {
  expect(refusal(with_(fault).replace(/checks:\n(.*\n)*/, ''))).toBeNull();
});

test('recovery needs a target, and a target something to recover from', () => {
  expect(refusal(TEXT.replace(/staleness_target.*\n/, ''))).toMatch(
    /add staleness_target, for example 10s\n {2}at x\.yaml:7:1/,
  );
  expect(refusal(TEXT.replace('target: 10s', 'target: soon'))).not.toContain(
    'add staleness_target',
  );
  const calm = TEXT.replace(/faults:\n.*\n/, '').replace(/checks:\n(.*\n)*/, '');
  expect(refusal(calm)).toContain('nothing to recover from');
});

test('only servers of our own go away', () => {
  const theirs = TEXT.replace('faults:', 'stack: { runtime: external }\nfaults:');
  expect(refusal(theirs)).toMatch(/need managed servers.*\n {2}at x\.yaml:8:1/);
});

test('only the recovery of a server that goes away can be checked', () => {
  const check = (text: string) => TEXT.replace('recovery(flink-taskmanager) < 30s', text);
  expect(refusal(check('recovery(kafka) < 30s'))).toContain('no faulty server "kafka"');
  expect(refusal(check('recovery < 30s'))).toContain('recovery(flink-taskmanager)');
  expect(refusal(check('recovery(flink-taskmanager).p99 < 3s'))).toContain('has no p99');
  expect(refusal(check('recovery(flink-taskmanager) during spike < 3s'))).toContain('no phases');
});
