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
  ['by: spark', 'in a compact phase or by a trigger, and there is none'],
  ['by: spark, trigger: {}', 'needs every, data_files or delete_files'],
  ['by: spark, queries: wait', 'it belongs to a trigger'],
  [
    'by: spark, trigger: { every: 20s }, not_during: [rush]',
    'there is no phase "rush": calm, peak',
  ],
  ['by: spark, trigger: { every: 20s }, not_during: [calm, peak]', 'leaves no phase'],
  ['by: spark, trigger: { every: 20s }, actions: [rewrite, rewrite]', 'names an action twice'],
  ['by: spark, trigger: { every: 20s }, actions: [orphans]', 'actions[0]'],
  ['by: in-process, trigger: { every: 20s }, actions: [expire]', 'rewrite is all there is'],
  ['by: flink, trigger: { every: 20s }', 'trigger'],
])('%s is refused', (compaction, fact) => {
  expect(refusal(compaction)).toContain(fact);
});

test('a compact phase and a trigger would run into each other', () => {
  const phase = '  - { name: compact, do: compact }\n';
  expect(refusal('by: spark, trigger: { every: 20s }', phase)).toContain('would run into it');
});
