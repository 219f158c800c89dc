import { afterAll, beforeAll } from 'vitest';
import { KAFKA_CLIENTS } from '../../src/scenario/scenario.ts';
import { producerContract } from '../contracts/producer.ts';
import { KafkaAlone } from './support/kafka-alone.ts';

let kafka: KafkaAlone;
beforeAll(async () => {
  kafka = await KafkaAlone.start();
});
afterAll(() => kafka?.[Symbol.asyncDispose]());

for (const client of KAFKA_CLIENTS) producerContract(client, () => kafka);
