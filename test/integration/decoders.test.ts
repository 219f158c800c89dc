import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { kafkaClient } from '../../src/harness/clients/kafka-admin.ts';
import { openSqlSession } from '../../src/harness/clients/sql-gateway.ts';
import { fillPlaceholders } from '../../src/harness/pipelines/placeholders.ts';
import { topicOf } from '../../src/harness/run-namespace.ts';
import { STREAMS, type Stream } from '../../src/scenario/scenario.ts';
import {
  CREATE_FUNCTION,
  type Decoder,
  decodeSql,
  PARTS,
  SESSION_SETTINGS,
} from '../../src/topology/decode-sql.ts';
import { oddRecords } from '../support/odd-records.ts';
import { type Lakehouse, openLakehouse } from './support/lakehouse.ts';

/** The Java function and the generated SQL, over the same records. */

const SEED = 20261127;
const BATCH = 500;
const records = Object.fromEntries(
  STREAMS.map((stream) => [stream, oddRecords(stream, SEED)]),
) as Readonly<Record<Stream, readonly (Buffer | null)[]>>;

let lake: Lakehouse;

beforeAll(async () => {
  lake = await openLakehouse('decoders', 1_000);
  const kafka = kafkaClient(lake.stack.endpoints.kafka, 'test');
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  const topics = STREAMS.map((stream) => ({
    topic: topicOf(lake.place, stream),
    numPartitions: 1,
  }));
  await admin.createTopics({ topics, waitForLeaders: true });
  for (const stream of STREAMS) {
    const messages = records[stream].map((value) => ({ value }));
    // A batch at a time: the broker takes no more than a megabyte at once.
    for (let at = 0; at < messages.length; at += BATCH) {
      const batch = messages.slice(at, at + BATCH);
      await producer.send({ topic: topicOf(lake.place, stream), acks: -1, messages: batch });
    }
  }
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});

afterAll(() => lake?.leave());

/** What became of a record: the reason of its rejection, or its columns as text. */
type Outcome = Readonly<{ rejection: string | null; accepted: string | null }>;

/** Of every record of every stream, by `<stream> <offset>`. */
async function outcomes(decoder: Decoder): Promise<ReadonlyMap<string, Outcome>> {
  const { endpoints } = lake.stack;
  const signal = AbortSignal.timeout(240_000);
  await using session = await openSqlSession(endpoints.flink.gateway, { clock, signal });
  const values = {
    kafka_brokers: endpoints.internal.brokers.join(','),
    kafka_security: '',
    topic_prefix: lake.place.topicPrefix,
  };
  for (const text of SESSION_SETTINGS) await session.run(text);
  await session.run(`SET 'pipeline.name' = '${lake.place.topicPrefix}${decoder}'`);
  if (decoder === 'function') await session.run(CREATE_FUNCTION);
  for (const stream of STREAMS) {
    for (const part of PARTS) {
      const text = fillPlaceholders({ text: decodeSql(stream, part, decoder) }, values);
      // Read to the end of what is there now.
      await session.run(text.replace("'raw'\n", "'raw', 'scan.bounded.mode' = 'latest-offset'\n"));
    }
  }
  const rows = await session.run(STREAMS.flatMap(bothOf).join('\nUNION ALL\n'));
  return new Map(
    rows.map(({ topic, kafka_offset, ...outcome }) => [
      `${topic} ${kafka_offset}`,
      outcome as Outcome,
    ]),
  );
}

/** The rejected records of a stream, and those that are accepted. */
function bothOf(stream: Stream): readonly string[] {
  const accepted = decodeSql(stream, 'accepted', 'sql');
  const columns = [...accepted.matchAll(/^ {2}(?:.* AS )?(\w+),$/gm)].map(([, name]) => name);
  expect(columns.length).toBeGreaterThan(9);
  return [
    `SELECT '${stream}' AS topic, kafka_offset, rejection, CAST(NULL AS STRING) AS accepted
     FROM ${stream}_judged WHERE rejection IS NOT NULL`,
    `SELECT '${stream}', kafka_offset, CAST(NULL AS STRING), CAST(ROW(${columns.join(', ')}) AS STRING)
     FROM ${stream}_accepted`,
  ];
}

test('the function gives every record the rejection, or the columns, that the SQL gives it', async () => {
  const [bySql, byFunction] = [await outcomes('sql'), await outcomes('function')];
  const sent = STREAMS.flatMap((stream) =>
    records[stream].map((_, offset) => ({ stream, offset, at: `${stream} ${offset}` })),
  );
  expect(bySql.size).toBe(sent.length);
  expect(byFunction.size).toBe(sent.length);
  const differing = sent
    .filter(({ at }) => JSON.stringify(byFunction.get(at)) !== JSON.stringify(bySql.get(at)))
    .map(({ stream, offset, at }) => ({
      record: `${stream}: ${records[stream][offset]?.toString()}`,
      sql: bySql.get(at),
      function: byFunction.get(at),
    }));
  expect(differing).toEqual([]);

  // The records are odd enough to tell decoders apart: of each stream many are rejected, and many are not.
  for (const stream of STREAMS) {
    const all = sent.flatMap((one) => (one.stream === stream ? [byFunction.get(one.at)] : []));
    const reasons = new Set(all.map((one) => one?.rejection?.split(':')[0] ?? 'accepted'));
    expect(reasons, stream).toEqual(
      new Set(['accepted', 'tombstone', 'bad_utf8', 'not_json', 'wrong_type', 'missing_key']),
    );
    const accepted = all.filter((one) => one?.rejection === null).length;
    expect(accepted / all.length, stream).toBeGreaterThan(0.1);
    expect(accepted / all.length, stream).toBeLessThan(0.9);
  }
});
