import { stackBroke } from '../../core/errors.ts';

/** A record of a log. Its offset is its index in the partition. */
export interface LogRecord {
  /** null: a tombstone. */
  readonly value: Uint8Array | null;
  /** Epoch ms. */
  readonly appendedMs: number;
}

/** A partitioned, append-only log in this process, in the role of Kafka. */
export class InProcessLog {
  readonly #topics = new Map<string, LogRecord[][]>();

  /** Creates an empty topic. Throws if it exists. */
  create(topic: string, partitions: number): void {
    if (this.#topics.has(topic)) throw stackBroke(`the topic ${topic} exists already`);
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => []),
    );
  }

  /** Appends a record and returns its offset. */
  append(topic: string, partition: number, record: LogRecord): number {
    const log = this.#partition(topic, partition);
    return log.push(record) - 1;
  }

  /** The records of a partition from this offset on. */
  read(topic: string, partition: number, from: number): readonly LogRecord[] {
    return this.#partition(topic, partition).slice(from);
  }

  /** Number of records of each partition. */
  sizes(topic: string): readonly number[] {
    return this.#partitions(topic).map((log) => log.length);
  }

  #partition(topic: string, partition: number): LogRecord[] {
    const log = this.#partitions(topic)[partition];
    if (log === undefined) throw stackBroke(`the topic ${topic} has no partition ${partition}`);
    return log;
  }

  #partitions(topic: string): LogRecord[][] {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw stackBroke(`there is no topic ${topic}`);
    return partitions;
  }
}
