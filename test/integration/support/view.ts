import { beginView, writeView } from '../../../src/harness/clients/hot-view.ts';
import { openRedis } from '../../../src/harness/clients/redis.ts';
import type { Stack } from '../../../src/harness/stack/stack.ts';

interface Row {
  readonly store_id: number;
  readonly sku_id: number;
  /** Text where it is beyond what a number holds. */
  readonly version: number | string;
  readonly event_id?: string;
}

/** A view in Redis that a test writes to, in its first epoch. */
export async function viewIn({ endpoints }: Pick<Stack, 'endpoints'>, name: string) {
  if (endpoints.redis === null) throw new Error('the stack has no Redis');
  const redis = await openRedis(endpoints.redis);
  let epoch = '';
  const begin = async (next: string) => {
    epoch = next;
    await beginView(redis, name, epoch);
  };
  await begin('first');
  return {
    redis,
    begin,
    async write(rows: readonly Row[]) {
      await writeView(
        redis,
        { name, epoch },
        rows.map((row) => ({
          key: `${row.store_id}/${row.sku_id}`,
          version: String(row.version),
          row: JSON.stringify(row),
        })),
      );
    },
  };
}
