import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { images } from '../../../test/support/datasets.ts';
import { NO_EXTENSIONS } from '../../../test/support/no-extensions.ts';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import type { Reader } from '../engines/engine.ts';
import { inProcess } from '../engines/in-process.ts';
import { openFacts } from '../facts.ts';
import type { SentMark } from '../load/marked-sender.ts';
import { inProcessOf, startInProcess } from '../stack/in-process.ts';
import { canaryProbe } from './canary.ts';
import type { ProbeContext } from './probe.ts';

const COMMIT_EVERY_MS = 5_000;
const POLL_MS = 400;
/** Of a query of the engine in this process. */
const ANSWER_MS = 50;

test('a poll that found a canary is followed by none for half a commit interval, which widens no interval', async () => {
  using clock = new VirtualClock(1_000_000);
  const stack = await startInProcess(clock, tmpdir());
  const { tables } = inProcessOf(stack);
  const types = { store_id: 'INTEGER', sku_id: 'INTEGER', version: 'BIGINT' };
  await tables.create('ns.inventory', { columns: types, key: ['store_id', 'sku_id'] });
  await using facts = await openFacts();
  const pollsMs: number[] = [];
  const uncommitted: { store_id: number; sku_id: number; version: number }[] = [];
  let version = 0;
  const context: Partial<ProbeContext> = {
    ...{ facts, clock, signal: new AbortController().signal },
    scenario: {
      pipeline: { commitEveryMs: COMMIT_EVERY_MS },
      canaries: { perSecond: 1 },
    } as ProbeContext['scenario'],
    datasets: [images('upsert')],
    place: { namespace: 'ns' } as ProbeContext['place'],
    underDeclaredFault: () => false,
    async openReader(options): Promise<Reader> {
      const extensions = NO_EXTENSIONS;
      const opened = { stack, extensions, namespace: 'ns', logDir: '' };
      const reader = await inProcess.open(opened, { ...options, clock });
      return {
        ...reader,
        query(...given) {
          pollsMs.push(clock.nowMs());
          return reader.query(...given);
        },
      };
    },
    async sendCanary(dueMs) {
      version += 1;
      const [storeId, skuId] = [1 + (version % 3), 9_000_001];
      uncommitted.push({ store_id: storeId, sku_id: skuId, version });
      return { eventId: `canary-${version}`, storeId, skuId, version, dueMs } as SentMark;
    },
    fail: (cause) => {
      throw cause;
    },
  };
  const canaries = await canaryProbe.start(context as ProbeContext);
  // Not while the opening stock is being inserted.
  await clock.sleep(COMMIT_EVERY_MS);
  expect(version).toBe(0);
  canaries.startSending();
  const commitsMs: number[] = [];
  for (let n = 0; n < 8; n++) {
    await clock.sleep(COMMIT_EVERY_MS);
    await tables.commit('ns.inventory', uncommitted.splice(0));
    commitsMs.push(clock.nowMs());
  }
  await clock.sleep(2 * POLL_MS);
  await canaries.stop();
  const rows = await facts.rows<{ outcome: string; width: number; n: number }>(
    `SELECT outcome, max(first_hit_ms - last_miss_ms) AS width, count(*) AS n
     FROM canaries GROUP BY outcome ORDER BY outcome DESC`,
  );
  // Sent after the last commit, at most one per second.
  expect(rows[1]?.n ?? 0).toBeLessThanOrEqual(2);
  expect(rows[0]).toMatchObject({ outcome: 'seen' });
  expect(rows[0]?.n).toBeGreaterThan(30);
  expect(rows[0]?.width).toBeLessThanOrEqual(POLL_MS + ANSWER_MS);
  // Between two commits: none until half of the interval is over, then one per 400 ms.
  for (const [i, fromMs] of commitsMs.slice(0, -1).entries()) {
    const later = pollsMs.filter((at) => at > fromMs && at <= (commitsMs[i + 1] ?? 0));
    const quiet = later.slice(1).filter((at) => at < fromMs + COMMIT_EVERY_MS / 2);
    expect(quiet).toEqual([]);
    expect(later.length).toBeGreaterThan(4);
    expect(later.length).toBeLessThan(9);
  }
  await stack.stop();
});
