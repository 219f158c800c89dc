import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../entry.ts';
import { openFacts } from '../facts.ts';

const text = readFileSync(join(packageRoot, 'docs/measuring.md'), 'utf8');

test('the question that docs/measuring.md shows gives what we measure', async () => {
  const sql = /```sql\n([\s\S]*?)```/.exec(text)?.[1] as string;
  await using facts = await openFacts();
  await facts.append('phases', [
    { name: 'spike', kind: 'load', measured: true, start_ms: 1_000, end_ms: 2_000 },
  ]);
  const event = { stream: 'pos', role: 'original', expect: 'row', due_ms: 1_500 };
  await facts.append('events', [
    { ...event, event_id: 'a', occurred_ms: 1_490 },
    { ...event, event_id: 'b', occurred_ms: 1_500 },
  ]);
  await facts.append('commits', [{ table_name: 'pos', snapshot_id: '1', seen_ms: 3_490 }]);
  await facts.append('sightings', [{ table_name: 'pos', snapshot_id: '1', event_id: 'a' }]);
  expect(await facts.rows(sql)).toEqual([{ phase: 'spike', n: 2, p99: Number.POSITIVE_INFINITY }]);
  await facts.append('sightings', [{ table_name: 'pos', snapshot_id: '1', event_id: 'b' }]);
  expect(await facts.rows(sql)).toEqual([{ phase: 'spike', n: 2, p99: 2_000 }]);
  // Seen only because the jobs were stopped.
  await facts.append('milestones', [{ name: 'stop', at_ms: 3_489 }]);
  expect(await facts.rows(sql)).toEqual([{ phase: 'spike', n: 2, p99: Number.POSITIVE_INFINITY }]);
});
