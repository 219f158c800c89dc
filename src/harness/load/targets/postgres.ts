import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../core/clock.ts';
import { badInput, DoorbusterError, stackBroke } from '../../../core/errors.ts';
import { identifier } from '../../../core/sql.ts';
import { canRepeat, type Database, openDatabase } from '../../clients/database.ts';
import type { PostgresAddress } from '../../clients/endpoints.ts';
import { type BatchProducer, type Outgoing, reason } from '../../clients/kafka-producer.ts';
import { createStoreTables, partsOf, positionsOf, schemaOf } from '../../clients/store-tables.ts';
import { type StoreBatch, storeBatch, writeBatch } from './store-batch.ts';
import type { LoadTarget } from './target.ts';

/** The stores' database: a batch is a transaction, and a message is acknowledged when the commit is. */
export const postgres: LoadTarget<'postgres'> = {
  kind: 'postgres',
  servers: ['postgres'],
  threads: true,
  address({ endpoints }) {
    if (endpoints.postgres !== null) return { kind: 'postgres', database: endpoints.postgres };
    throw badInput(
      'the load of this pipeline goes to Postgres, which these servers do not have',
      'set stack: { runtime: processes }, or containers',
    );
  },
  async createTopics({ database: address }, topics) {
    await using database = await openDatabase(address);
    for (const prefix of new Set(topics.map(({ name }) => partsOf(name).prefix))) {
      await createStoreTables(database, prefix);
    }
    for (const { name, partitions } of topics) {
      if ((await positionsOf(database, name)).length > 0) {
        throw stackBroke(
          `Postgres has the topic ${name} already`,
          'start a fresh stack, or doorbuster cleanup',
        );
      }
      await database.rows(
        `INSERT INTO ${identifier(schemaOf(partsOf(name).prefix))}.positions (topic, part)
        SELECT $1, part FROM generate_series(0, $2::integer - 1) AS part`,
        [name, partitions],
      );
    }
  },
  openProducer: ({ database }, { clientId, onWarning }) =>
    DatabaseProducer.open(database, clientId, onWarning ?? (() => undefined)),
  async logs({ database: address }, topics) {
    await using database = await openDatabase(address);
    const logs = [];
    for (const topic of topics) {
      const positions = await positionsOf(database, topic);
      if (positions.length === 0) throw stackBroke(`Postgres has no topic ${topic}`);
      logs.push([
        topic,
        positions.map(({ part, next }) => ({ partition: part, low: 0n, high: BigInt(next) })),
      ] as const);
    }
    return new Map(logs);
  },
};

/** Pause between two attempts to write a batch, and the longest time for all of them, ms. */
const [AGAIN_MS, GIVE_UP_MS] = [200, 120_000] as const;
/** A statement without an answer for so long is given up with its connection, ms. */
const ANSWER_WITHIN_MS = 10_000;

/** One session, which is opened again when it is lost. A batch of a lost session is sent again, and applied once. */
class DatabaseProducer implements BatchProducer {
  readonly #address: PostgresAddress;
  readonly #id: string;
  readonly #warn: (line: string) => void;
  #session: Database | null;
  #batches = 0;
  #outstanding = false;
  #closed = false;

  static async open(
    address: PostgresAddress,
    clientId: string,
    warn: (line: string) => void,
  ): Promise<DatabaseProducer> {
    const session = await openDatabase(address, { answerWithinMs: ANSWER_WITHIN_MS }).catch(
      (cause: unknown) => {
        throw stackBroke(
          `Postgres at ${address.host}:${address.port} accepts no session: ${reason(cause)}`,
        );
      },
    );
    return new DatabaseProducer(address, `${clientId}-${randomUUID()}`, { warn, session });
  }

  private constructor(
    address: PostgresAddress,
    id: string,
    { warn, session }: { readonly warn: (line: string) => void; readonly session: Database },
  ) {
    this.#address = address;
    this.#id = id;
    this.#warn = warn;
    this.#session = session;
  }

  async send(batch: readonly Outgoing[]) {
    if (this.#outstanding) throw new Error('a batch was handed over while another was in flight');
    if (batch.length === 0) return [];
    this.#outstanding = true;
    try {
      return await this.#write(storeBatch(batch, { producer: this.#id, number: ++this.#batches }));
    } finally {
      this.#outstanding = false;
    }
  }

  async #write(batch: StoreBatch) {
    const startedMs = systemClock.monotonicMs();
    for (let attempt = 0; ; attempt++) {
      try {
        this.#session ??= await openDatabase(this.#address, { answerWithinMs: ANSWER_WITHIN_MS });
        return await writeBatch(this.#session, batch, attempt > 0);
      } catch (cause) {
        const lost = this.#session;
        this.#session = null;
        void lost?.close();
        const waitedMs = systemClock.monotonicMs() - startedMs;
        if (cause instanceof DoorbusterError) throw cause;
        if (this.#closed || !canRepeat(cause) || waitedMs > GIVE_UP_MS) {
          throw stackBroke(
            `Postgres at ${this.#address.host}:${this.#address.port} did not commit a batch of ${batch.writes.length} messages: ${reason(cause)}`,
            undefined,
            cause,
          );
        }
        this.#warn(`Postgres: ${reason(cause)}; the batch is sent again`);
        await systemClock.sleep(AGAIN_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#session?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
