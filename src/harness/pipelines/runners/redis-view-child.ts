import { randomUUID } from 'node:crypto';
import { systemClock as clock } from '../../../core/clock.ts';
import type { Stream } from '../../../scenario/scenario.ts';
import type { HotRule } from '../../../topology/stages.ts';
import type { KafkaAccess, RedisAddress } from '../../clients/endpoints.ts';
import { openKafkaAdmin } from '../../clients/kafka-admin.ts';
import {
  type ConsumedBatch,
  consumeTopic,
  type TopicConsumer,
} from '../../clients/kafka-consumer.ts';
import { openRedis } from '../../clients/redis.ts';
import { takeServerPriority } from '../../priority.ts';
import { reasonOf } from '../../reason.ts';
import { HotProducts } from './hot-products.ts';
import { HotRows } from './hot-rows.ts';
import { openTable, type TableConfig } from './view-reconciler.ts';
import { type ViewCounts, ViewWriter } from './view-writer.ts';

/** What a view needs to know. */
export interface ViewConfig {
  readonly kafka: KafkaAccess;
  readonly redis: RedisAddress;
  readonly topic: string;
  readonly stream: Stream;
  /** Consumer group. */
  readonly group: string;
  /** Name of the view in Redis. */
  readonly name: string;
  readonly hot: HotRule;
  /** Products that are hot from the start, hottest first. */
  readonly planned: readonly number[];
  /** null: the view is not compared with a table. */
  readonly table: TableConfig | null;
}

/** Messages to the process of a view, and from it. */
export type ToView =
  | { readonly kind: 'open'; readonly config: ViewConfig }
  | { readonly kind: 'drain' };
export type FromView =
  | { readonly kind: 'ready' }
  | { readonly kind: 'drained'; readonly counts: ViewCounts }
  | { readonly kind: 'failed'; readonly error: string };

/** Pause between two looks whether Redis still has the view, ms. */
const CHECK_MS = 200;
const POLL_MS = 10;

let drain: (() => Promise<void>) | undefined;

// The view belongs to the system under test.
takeServerPriority();

process.on('message', (message: ToView) => {
  const work = message.kind === 'open' ? open(message.config) : drain?.();
  work?.catch(fail);
});

// The parent is gone.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

async function open({
  kafka,
  redis: at,
  topic,
  stream,
  group,
  name,
  hot,
  planned,
  table,
}: ViewConfig) {
  const redis = await openRedis(at);
  const admin = await openKafkaAdmin(kafka);
  const ends = async () => (await admin.logs(topic)).map(({ high }) => high);
  let consumer: TopicConsumer | undefined;
  const writer = new ViewWriter({
    ...{ redis, name, stream, clock, ends, newEpoch: randomUUID },
    hot: new HotRows(new HotProducts(hot, planned)),
    rewind: (partitions) => consumer?.rewind(partitions),
  });
  await writer.begin();
  const handle = (batch: ConsumedBatch) =>
    writer.handle(batch).catch((error: unknown) => {
      fail(error);
      return false;
    });
  consumer = await consumeTopic({ kafka, topic, group, handle, failed: fail });
  let open = true;
  const checking = (async () => {
    while (open) {
      await clock.sleep(CHECK_MS);
      await writer.check();
    }
  })().catch(fail);
  const comparing = new AbortController();
  if (table !== null) compare(writer, table, comparing.signal).catch(fail);
  drain = async () => {
    const last = await ends();
    while (!writer.has(last)) await clock.sleep(POLL_MS);
    open = false;
    comparing.abort();
    await checking;
    await consumer?.close();
    send({ kind: 'drained', counts: writer.counts() });
  };
  while (!writer.loaded) await clock.sleep(POLL_MS);
  send({ kind: 'ready' });
}

/** Compares the view with the table until `signal` aborts: what it is doing then ends with the process. */
async function compare(writer: ViewWriter, config: TableConfig, signal: AbortSignal) {
  const table = await openTable(config);
  while (!signal.aborted) {
    await clock.sleep(config.everyMs, signal).catch(() => {});
    if (!signal.aborted) await writer.reconcile(table, signal);
  }
}

function send(message: FromView): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  send({ kind: 'failed', error: reasonOf(error) });
}
