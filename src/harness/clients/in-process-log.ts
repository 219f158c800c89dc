import { stackBroke } from '../../core/errors.ts';

/** A record of a log. */
export interface LogRecord {
  /** null: a tombstone. */
  readonly value: Uint8Array | null;
  /** Epoch ms. */
  readonly appendedMs: number;
}

interface Partition {
  /** Offset of the first record that it still holds. */
  low: number;
  records: LogRecord[];
}

/** A partitioned, append-only log in this process, in the role of Kafka. */
export class InProcessLog {
  readonly #topics = new Map<string, readonly Partition[]>();

  /** Creates an empty topic. Throws if it exists. */
  create(topic: string, partitions: number): void {
    if (this.#topics.has(topic)) throw stackBroke(`the topic ${topic} exists already`);
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => ({ low: 0, records: [] })),
    );
  }

  /** Appends a record and returns its offset. */
  append(topic: string, partition: number, record: LogRecord): number {
    const log = this.#partition(topic, partition);
    return log.low + log.records.push(record) - 1;
  }

  /** The records of a partition from this offset on. */
  read(topic: string, partition: number, from: number): readonly LogRecord[] {
    const { low, records } = this.#partition(topic, partition);
    return records.slice(from - low);
  }

  /** Drops the records of a partition before this offset, which are not read again. */
  release(topic: string, partition: number, before: number): void {
    const log = this.#partition(topic, partition);
    log.records = log.records.slice(before - log.low);
    log.low = before;
  }

  /** Number of records that were appended to each partition. */
  sizes(topic: string): readonly number[] {
    return this.#partitions(topic).map(({ low, records }) => low + records.length);
  }

  #partition(topic: string, partition: number): Partition {
    const log = this.#partitions(topic)[partition];
    if (log === undefined) throw stackBroke(`the topic ${topic} has no partition ${partition}`);
    return log;
  }

  #partitions(topic: string): readonly Partition[] {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw stackBroke(`there is no topic ${topic}`);
    return partitions;
  }
}
