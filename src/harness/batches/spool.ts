import { appendFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../core/sql.ts';
import { decode } from '../../generators/decode.ts';
import type { Stream } from '../../scenario/scenario.ts';
import { type Dataset, holdsRejected, REJECTED } from '../../topology/dataset.ts';
import { tableColumns } from '../../topology/table-columns.ts';

/** A record of a topic. `value` null: a tombstone. */
interface ReadRecord {
  readonly part: number;
  readonly offset: string;
  readonly value: Buffer | null;
  /** The broker's stamp, epoch ms. */
  readonly kafkaMs: number;
}

/**
 * Records that were read and are in no batch yet, decoded, in a file per stream and one of the rejected: memory does not
 * grow with what has accumulated. A loader that starts again empties it and reads them again.
 */
export class Spool {
  readonly #dir: string;
  readonly #filled = new Set<Dataset['carries']>();

  static async open(dir: string): Promise<Spool> {
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { recursive: true });
    return new Spool(dir);
  }

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Whether records of this stream, or rejected ones, are in it. */
  has(carries: Dataset['carries']): boolean {
    return this.#filled.has(carries);
  }

  /** Decodes records of a stream at `nowMs`, and keeps them. */
  async add(stream: Stream, records: readonly ReadRecord[], nowMs: number): Promise<void> {
    const accepted: string[] = [];
    const rejected: string[] = [];
    for (const { part, offset, value, kafkaMs } of records) {
      const place = { arrived_part: part, arrived_offset: Number(offset) };
      const stamps = { kafka_ms: kafkaMs, flink_ms: nowMs };
      const decoded = decode(stream, value);
      if ('fields' in decoded) {
        accepted.push(lineOf({ ...decoded.fields, ...decoded.lists, ...stamps, ...place }));
        continue;
      }
      const payload = value === null ? null : value.toString('base64');
      const at = { topic: stream, part, kafka_offset: Number(offset) };
      rejected.push(lineOf({ ...at, reason: decoded.rejection, payload, ...stamps, ...place }));
    }
    await this.#append(stream, accepted);
    await this.#append(REJECTED, rejected);
  }

  /** What may stand after FROM to read the rows of a dataset, by our names. */
  rowsOf(dataset: Dataset): string {
    const columns = [
      ...tableColumns(dataset).map(({ ours, type }) => [ours, type === 'BLOB' ? 'VARCHAR' : type]),
      ['arrived_part', 'INTEGER'],
      ['arrived_offset', 'BIGINT'],
    ].map(([name, type]) => `${quoted(name as string)}: ${quoted(type as string)}`);
    const read = `read_json(${quoted(this.#fileOf(dataset.carries))}, format = 'newline_delimited', columns = {${columns.join(', ')}})`;
    if (!holdsRejected(dataset)) return read;
    return `(SELECT * REPLACE (from_base64(payload) AS payload) FROM ${read})`;
  }

  /** Empties it: its rows are in a published batch. */
  async clear(): Promise<void> {
    for (const carries of this.#filled) await rm(this.#fileOf(carries));
    this.#filled.clear();
  }

  async #append(carries: Dataset['carries'], lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    await appendFile(this.#fileOf(carries), lines.join(''));
    this.#filled.add(carries);
  }

  #fileOf(carries: Dataset['carries']): string {
    return join(this.#dir, `${carries}.ndjson`);
  }
}

/** One line of JSON. Half of a surrogate pair, which JSON can escape and UTF-8 cannot hold, becomes U+FFFD. */
function lineOf(row: object): string {
  const line = JSON.stringify(row);
  if (!line.includes('\\ud')) return `${line}\n`;
  const whole = (_: string, value: unknown) =>
    typeof value === 'string' ? Buffer.from(value).toString('utf8') : value;
  return `${JSON.stringify(row, whole)}\n`;
}
