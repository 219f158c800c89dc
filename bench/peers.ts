import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { faker } from '@faker-js/faker';
import { Kafka as KafkaJs, logLevel } from 'kafkajs';
import { Bench as Tinybench } from 'tinybench';
import { encode } from '../src/generators/encode.ts';
import type { TapeEvent } from '../src/generators/event.ts';
import { storesOf, tapeOf } from '../src/generators/tape.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { ownCpuS } from './cpu.ts';
import { type Kafka, startKafka } from './kafka.ts';
import { FOR_S, sendTape } from './slip.ts';

const SAMPLE = 2_000;
const PARTITIONS = 4;
/** Messages of a request: what the documentation of kafkajs calls a batch, at a size that it does not choose. */
const BATCH = 500;
const RECEIPTS = 30_000;
/** When the tape begins, epoch ms. */
const T0_MS = 1_795_770_000_000;
const SCHEMA_FAKER = 'json-schema-faker@0.6.3';

/** Receipts alone, so many that a tape is long enough. */
const { scenario } = parseScenario(
  `
name: peers
starts_at: 2026-11-27T09:00
retail: { stores: 100, skus: 10000, assortment: 2000, hours: flat }
traffic: { pos: { receipts: ${(RECEIPTS / FOR_S / 100) * 3_600}/store/h } }
stack: { partitions: ${PARTITIONS} }
phases: [{ name: only, for: ${FOR_S}s }]
`,
  { file: 'peers' },
);

/** What people use instead: fields drawn one by one, with no law between them, into the same receipt. */
export const peers: Bench = {
  name: 'peers',
  about:
    'receipts by doorbuster, by @faker-js/faker and by json-schema-faker; to Kafka, against a loop of faker and kafkajs',
  async run(context) {
    const texts = await generators(context);
    context.say('generated, one after the other');
    const generated = await inTurns(texts);
    await using kafka = await startKafka(context);
    await kafka.createTopics(PARTITIONS, ['pos', 'peer']);
    context.say('to Kafka: doorbuster');
    const before = performance.now();
    const sent = await sendTape(context, {
      ...{ scenario, brokers: kafka.brokers, paced: false, workers: 1 },
    });
    const oursS = (performance.now() - before) / 1_000;
    context.say('to Kafka: faker and kafkajs');
    const loop = await sentByLoop(kafka);
    const of = (name: string) => generated.find((one) => one.what === name)?.values ?? {};
    const ratio = (peer: string) =>
      Number(of('doorbuster')['receipts/core-s']) / Number(of(peer)['receipts/core-s']);
    return {
      title: `Receipts of one shape: as text, and ${RECEIPTS} of them to ${PARTITIONS} partitions with acks from all`,
      rows: [
        ...generated,
        produced('doorbuster to Kafka, generated to noted', sent.events, oursS, sent.cpuS),
        produced('faker and kafkajs to Kafka', RECEIPTS, loop.wallS, loop.cpuS),
      ],
      ratios: [
        { name: 'doorbuster / faker, receipts per core-second', ratio: ratio('faker') },
        {
          name: 'doorbuster / json-schema-faker, receipts per core-second',
          ratio: ratio('json-schema-faker'),
        },
        {
          name: 'doorbuster / faker and kafkajs, receipts to Kafka per core-second',
          ratio: sent.events / sent.cpuS / (RECEIPTS / loop.cpuS),
        },
      ],
      notes: [
        "doorbuster's receipts follow laws and move a stock; those of the others are fields drawn one by one, with as many lines on average",
        'one thread each; CPU time of the whole process',
      ],
    };
  },
};

type Texts = Readonly<Record<string, () => Uint8Array | Promise<Uint8Array>>>;

async function generators({ dir, say }: BenchContext): Promise<Texts> {
  say(`npm install ${SCHEMA_FAKER}`);
  const generate = await schemaFaker(dir);
  const tape = receipts();
  return {
    doorbuster: () => encode(tape.next().value, T0_MS),
    faker: () => Buffer.from(JSON.stringify(fakeReceipt())),
    'json-schema-faker': async () => Buffer.from(JSON.stringify(await generate(RECEIPT_SCHEMA))),
  };
}

/** The tape, over and over. */
function* receipts(): Generator<TapeEvent, never> {
  for (;;) yield* tapeOf(scenario, storesOf(scenario));
}

/** It is used here alone: npm's client fetches it into the bench's folder. */
async function schemaFaker(dir: string): Promise<(schema: object) => Promise<unknown>> {
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', dir, SCHEMA_FAKER];
  const fetched = spawnSync('npm', args, { encoding: 'utf8', cwd: dir });
  if (fetched.status !== 0) throw new Error(`npm: ${fetched.stdout}${fetched.stderr}`);
  const path = join(dir, 'node_modules/json-schema-faker/dist/index.js');
  const { generate } = await import(pathToFileURL(path).href);
  return generate;
}

async function inTurns(texts: Texts): Promise<readonly BenchRow[]> {
  // By CPU time, so that what else the machine does is not counted.
  const now = () => ownCpuS() * 1_000;
  const bench = new Tinybench({ now, time: 3_000, warmupTime: 1_000, throws: true });
  const bytes: Record<string, number> = {};
  for (const [name, text] of Object.entries(texts)) {
    bench.add(name, async () => {
      let sum = 0;
      for (let i = 0; i < SAMPLE; i++) sum += (await text()).byteLength;
      bytes[name] = sum / SAMPLE;
    });
  }
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
    const perS = (SAMPLE * 1_000) / result.latency.p50;
    const each = bytes[name] ?? Number.NaN;
    return {
      what: name,
      values: { 'receipts/core-s': perS, bytes: each, 'MB/core-s': (perS * each) / 1e6 },
    };
  });
}

const produced = (what: string, n: number, wallS: number, cpuS: number): BenchRow => ({
  what,
  values: { 'receipts/core-s': n / cpuS, 'receipts/s': n / wallS },
});

/** As the documentation of both shows it: build, send, wait. */
async function sentByLoop({ brokers }: Kafka) {
  const producer = new KafkaJs({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
  }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const [beforeMs, beforeS] = [performance.now(), ownCpuS()];
  for (let sent = 0; sent < RECEIPTS; sent += BATCH) {
    const messages = Array.from({ length: BATCH }, () => {
      const receipt = fakeReceipt();
      return { key: String(receipt.store_id), value: JSON.stringify(receipt) };
    });
    await producer.send({ topic: 'peer', acks: -1, messages });
  }
  const took = { wallS: (performance.now() - beforeMs) / 1_000, cpuS: ownCpuS() - beforeS };
  await producer.disconnect();
  return took;
}

const MOST_LINES = 18;
const PAYMENTS = ['debit', 'credit', 'cash', 'wallet', 'gift_card'];

function fakeReceipt() {
  const { number, helpers, date, string } = faker;
  const lines = Array.from({ length: number.int({ min: 1, max: MOST_LINES }) }, (_, i) => {
    const quantity = number.int({ min: 1, max: 3 });
    const unit_price_cents = number.int({ min: 50, max: 5_000 });
    const sku_id = number.int({ min: 1, max: 10_000 });
    const extended_cents = quantity * unit_price_cents;
    return { line_no: i + 1, sku_id, quantity, unit_price_cents, extended_cents };
  });
  const at = date.recent();
  return {
    event_id: string.uuid(),
    event_ts: at.getTime(),
    store_id: number.int({ min: 1, max: 100 }),
    event_type: 'RetailTransaction',
    transaction_id: string.alphanumeric(16),
    terminal_id: number.int({ min: 1, max: 12 }),
    sequence_number: number.int({ min: 1, max: 9_999 }),
    business_day: at.toISOString().slice(0, 10),
    local_time: at.toISOString(),
    type: helpers.arrayElement(['sale', 'return']),
    training: false,
    return_of: null,
    customer_id: string.uuid(),
    payment_method: helpers.arrayElement(PAYMENTS),
    currency: 'USD',
    total_cents: lines.reduce((sum, line) => sum + line.extended_cents, 0),
    discount_cents: number.int({ min: 0, max: 500 }),
    tax_cents: number.int({ min: 0, max: 900 }),
    lines,
  };
}

/** The same receipt as a schema. */
const between = (minimum: number, maximum: number) => ({ type: 'integer', minimum, maximum });
const ofObject = (properties: object) => ({
  ...{ type: 'object', properties, required: Object.keys(properties) },
});
const UUID = { type: 'string', format: 'uuid' };
const RECEIPT_SCHEMA = ofObject({
  event_id: UUID,
  event_ts: between(T0_MS, T0_MS + 86_400_000),
  store_id: between(1, 100),
  event_type: { const: 'RetailTransaction' },
  transaction_id: { type: 'string', minLength: 16, maxLength: 16 },
  terminal_id: between(1, 12),
  sequence_number: between(1, 9_999),
  business_day: { type: 'string', format: 'date' },
  local_time: { type: 'string', format: 'date-time' },
  type: { enum: ['sale', 'return'] },
  training: { const: false },
  return_of: { type: 'null' },
  customer_id: UUID,
  payment_method: { enum: PAYMENTS },
  currency: { const: 'USD' },
  total_cents: between(50, 50_000),
  discount_cents: between(0, 500),
  tax_cents: between(0, 900),
  lines: {
    ...{ type: 'array', minItems: 1, maxItems: MOST_LINES },
    items: ofObject({
      line_no: between(1, MOST_LINES),
      sku_id: between(1, 10_000),
      quantity: between(1, 3),
      unit_price_cents: between(50, 5_000),
      extended_cents: between(50, 15_000),
    }),
  },
});
