import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRecord } from '../record/read.ts';
import type { RunRecord } from '../record/record.ts';
import { FORMATS, formats } from './formats.ts';

const fixture = readRecord(
  fileURLToPath(new URL('../../test/fixtures/black-friday', import.meta.url)),
);
const partition = {
  ...({ stream: 'pos', partitions: 4, messages: 12_345, busiest: 2 } as const),
  ...{ received: 7_530, store: 7, ofStore: 6_024 },
};

function withPartition(skewed: boolean): RunRecord {
  if (fixture.producing === null) throw new Error('the fixture has produced nothing');
  return {
    ...fixture,
    producing: { ...fixture.producing, partitions: [{ ...partition, skewed }] },
  };
}

test.each(FORMATS)(
  '%s names a partition that received far more than its share, and no other',
  (name) => {
    const render = (record: RunRecord) =>
      formats[name].render(record, { color: false, columns: 400 });
    const named = name === 'json' ? '"skewed": true' : 'partition 2 of pos received 61';
    expect(render(withPartition(true))).toContain(named);
    expect(render(withPartition(false))).not.toContain(named);
    expect(render(fixture)).not.toContain('key skew');
  },
);
