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

const NEVER = {
  ...{ everyMs: null, dataFiles: null, deleteFiles: null, amoro: null, autocomp: null },
};

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
      trigger: { ...NEVER, everyMs: 20_000 },
      ...{ notDuring: [], waitsForQueries: false, actions: ['rewrite'] },
    },
  });
  const all =
    'by: spark, trigger: { data_files: 100, delete_files: 12 }, not_during: [peak], queries: wait, actions: [expire, rewrite]';
  expect(parsed(all)).toEqual({
    by: 'spark',
    maintain: {
      trigger: { ...NEVER, dataFiles: 100, deleteFiles: 12 },
      ...{ notDuring: ['peak'], waitsForQueries: true, actions: ['expire', 'rewrite'] },
    },
  });
});

test('the rules of Amoro and AutoComp have the limits of their projects, unless they are written', () => {
  const triggerOf = (written: string) => {
    const compaction = parsed(`by: spark, trigger: { ${written} }`);
    return 'maintain' in compaction ? compaction.maintain?.trigger : undefined;
  };
  const MIB = 2 ** 20;
  expect(triggerOf('amoro: {}')).toEqual({
    ...NEVER,
    amoro: { targetBytes: 128 * MIB, minorFiles: 12, minorIntervalMs: 3_600_000 },
  });
  expect(triggerOf('amoro: { target_mib: 16, minor_files: 5, minor_interval: 30s }')).toEqual({
    ...NEVER,
    amoro: { targetBytes: 16 * MIB, minorFiles: 5, minorIntervalMs: 30_000 },
  });
  expect(triggerOf('autocomp: { score: 40 }')).toEqual({
    ...NEVER,
    autocomp: { targetBytes: 502 * MIB, score: 40 },
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

test('a scope is that of the actions that it stands next to', () => {
  const scoped = 'by: spark, trigger: { every: 20s }, actions: [expire], scope: [pos]';
  expect(parsed(scoped)).toMatchObject({ maintain: { actions: ['expire'], scope: ['pos'] } });
  const file = text(
    'by: spark',
    '  - { name: tidy, do: maintain, actions: [orphans], scope: [pos] }\n',
  );
  const { phases } = parseScenario(file, { file: 'x.yaml' }).scenario;
  expect(phases.at(-1)).toMatchObject({ actions: ['orphans'], scope: ['pos'] });
});

test.each([
  ['by: spark', 'do: compact, actions: [rewrite]', 'they belong to do: maintain'],
  ['by: spark', 'do: query, actions: [rewrite]', 'they belong to do: maintain'],
  ['by: spark', 'do: maintain, actions: [expire, expire]', 'names an action twice'],
  ['by: spark', 'do: maintain, actions: [expire, orphans]', 'write orphans before expire'],
  ['by: spark', 'do: compact, scope: [pos]', 'they belong to do: maintain'],
  ['by: spark', 'do: maintain, scope: [pos]', 'write actions without rewrite'],
  ['by: spark', 'do: maintain, actions: [expire], scope: [pos, pos]', 'names a table twice'],
  ['by: none', 'do: maintain', 'a maintain phase needs compaction: { by: spark }, not none'],
  ['by: in-process', 'do: maintain', 'rewrite is all there is'],
  ['by: spark, trigger: { every: 20s }', 'do: maintain', 'would run into it'],
])('with %s, a phase { %s } is refused', (compaction, written, fact) => {
  expect(refusal(compaction, `  - { name: tidy, ${written} }\n`)).toContain(fact);
});

test.each([
  ['by: spark', 'in a compact phase or by a trigger, and there is none'],
  ['by: spark, trigger: {}', 'needs every, data_files, delete_files, amoro or autocomp'],
  ['by: spark, trigger: { autocomp: {} }', 'score'],
  ['by: spark, trigger: { every: 20s }, scope: [pos]', 'write actions without rewrite'],
  ['by: spark, scope: [pos]', 'it belongs to a trigger'],
  ['by: spark, trigger: { autocomp: { score: 0 } }', 'must be above 0'],
  ['by: spark, trigger: { amoro: { minor_files: 1 } }', 'must be 2 at least'],
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
