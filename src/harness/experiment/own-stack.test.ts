import { expect, test } from 'vitest';
import { packageRoot } from '../entry.ts';
import { loadPipeline, SHIPPED } from '../pipelines/load.ts';
import { connectOf } from './own-stack.ts';

const shipped = SHIPPED.map((name) => loadPipeline(name, packageRoot).manifest);

const WITH_CONNECT = ['kafka-connect', 'cdc-postgres'];

test('the worker of Connect has what the pipelines with it ask for', () => {
  expect(connectOf(shipped)).toEqual({ offsetFlushMs: 1_000 });
  expect(connectOf(shipped.filter(({ name }) => !WITH_CONNECT.includes(name)))).toBeUndefined();
});

test('two pipelines that ask for different workers are refused on one stack', () => {
  const other = shipped.map(({ stages }) => ({
    stages: stages.map((stage) =>
      stage.run === 'kafka-connect' ? { ...stage, offset_flush_ms: 60_000 } : stage,
    ),
  }));
  expect(() => connectOf([...shipped, ...other])).toThrow(
    expect.objectContaining({
      exitCode: 2,
      message: expect.stringContaining('1000 in one pipeline and 60000 in another'),
      hint: expect.stringContaining('doorbuster compare'),
    }),
  );
});
