import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseScenario } from './parse.ts';

const text = (compaction: string, phases = '') => `name: kept
retail: { stores: 10 }
traffic: { pos: {}, inventory: {} }
pipeline: { compaction: { ${compaction} } }
phases:
  - { name: calm, for: 10s }
  - { name: peak, for: 20s }
${phases}`;

const parsed = (...given: Parameters<typeof text>) =>
  parseScenario(text(...given), { file: 'x.yaml' }).scenario.pipeline.compaction;

function refusal(...given: Parameters<typeof text>): string {
  try {
    parsed(...given);
    return 'accepted';
  } catch (error) {
    if (error instanceof DoorbusterError) return error.message;
    throw error;
  }
}

test('a trigger has what it is due by, and what it waits for; a rewrite is what it does', () => {
  expect(parsed('by: spark, trigger: { every: 20s }')).toEqual({
    by: 'spark',
    maintain: {
      trigger: { everyMs: 20_000, dataFiles: null, deleteFiles: null },
      ...{ notDuring: [], waitsForQueries: false, actions: ['rewrite'] },
    },
  });
  const all =
    'by: spark, trigger: { data_files: 100, delete_files: 12 }, not_during: [peak], queries: wait, actions: [expire, rewrite]';
  expect(parsed(all)).toEqual({
    by: 'spark',
    maintain: {
      trigger: { everyMs: null, dataFiles: 100, deleteFiles: 12 },
      ...{ notDuring: ['peak'], waitsForQueries: true, actions: ['expire', 'rewrite'] },
    },
  });
});

test('a compact phase needs no trigger', () => {
  expect(parsed('by: spark', '  - { name: compact, do: compact }\n')).toEqual({ by: 'spark' });
});

test.each([
  ['do: maintain', ['rewrite', 'manifests', 'orphans', 'expire']],
  ['do: maintain, actions: [expire]', ['expire']],
  ['do: compact', undefined],
])('%s is a phase of these actions', (written, actions) => {
  const file = text('by: spark', `  - { name: tidy, ${written} }\n`);
  const { phases } = parseScenario(file, { file: 'x.yaml' }).scenario;
  expect(phases.at(-1)).toEqual({ kind: 'compact', name: 'tidy', actions });
});

test.each([
  ['by: spark', 'do: compact, actions: [rewrite]', 'they belong to do: maintain'],
  ['by: spark', 'do: query, actions: [rewrite]', 'they belong to do: maintain'],
  ['by: spark', 'do: maintain, actions: [expire, expire]', 'names an action twice'],
  ['by: spark', 'do: maintain, actions: [expire, orphans]', 'write orphans before expire'],
  ['by: none', 'do: maintain', 'a maintain phase needs compaction: { by: spark }, not none'],
  ['by: in-process', 'do: maintain', 'rewrite is all there is'],
  ['by: spark, trigger: { every: 20s }', 'do: maintain', 'would run into it'],
])('with %s, a phase { %s } is refused', (compaction, written, fact) => {
  expect(refusal(compaction, `  - { name: tidy, ${written} }\n`)).toContain(fact);
});

test.each([
  ['by: spark', 'in a compact phase or by a trigger, and there is none'],
  ['by: spark, trigger: {}', 'needs every, data_files or delete_files'],
  ['by: spark, queries: wait', 'it belongs to a trigger'],
  [
    'by: spark, trigger: { every: 20s }, not_during: [rush]',
    'there is no phase "rush": calm, peak',
  ],
  ['by: spark, trigger: { every: 20s }, not_during: [calm, peak]', 'leaves no phase'],
  ['by: spark, trigger: { every: 20s }, actions: [rewrite, rewrite]', 'names an action twice'],
  ['by: spark, trigger: { every: 20s }, actions: [orphan]', 'actions[0]'],
  ['by: in-process, trigger: { every: 20s }, actions: [expire]', 'rewrite is all there is'],
  ['by: flink, trigger: { every: 20s }', 'trigger'],
])('%s is refused', (compaction, fact) => {
  expect(refusal(compaction)).toContain(fact);
});

test('a compact phase and a trigger would run into each other', () => {
  const phase = '  - { name: compact, do: compact }\n';
  expect(refusal('by: spark, trigger: { every: 20s }', phase)).toContain('would run into it');
});
