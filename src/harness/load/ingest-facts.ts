import { basename } from 'node:path';
import { STOCK } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';
import { ingestSql } from './fact-file.ts';
import type { LoadResult } from './load.ts';
import { truncateTornLine } from './truncate-torn-line.ts';

/**
 * SQL that marks repeated event ids as CONTRACT judges them: the first append of an id that is not damaged is a row, and
 * every later one a duplicate. The lines of a file are in append order, and no two threads share a store.
 */
export const MARK_DUPLICATES = `
  UPDATE events SET expect = 'duplicate' FROM (
    SELECT stream, event_id, min(rowid) AS first_row FROM events
    WHERE expect = 'row' AND stream <> '${STOCK}' GROUP BY ALL HAVING count(*) > 1
  ) AS repeated
  WHERE expect = 'row' AND events.stream = repeated.stream AND events.event_id = repeated.event_id
    AND events.rowid > repeated.first_row`;

/**
 * Loads the files that the load wrote into the facts, and marks the duplicates. Returns one sentence per loss: a torn line that
 * was cut off, or a thread that ended before it wrote its last counts.
 */
export async function ingestFacts(
  facts: Pick<Facts, 'run'>,
  { files, threadsLost, workers }: Pick<LoadResult, 'files' | 'threadsLost' | 'workers'>,
): Promise<readonly string[]> {
  const missing: string[] = [];
  if (threadsLost > 0) {
    missing.push(
      `${threadsLost} of ${workers} producing threads ended before they wrote their last counts: ` +
        'their latest messages are in no count',
    );
  }
  for (const file of files) {
    const tornBytes = await truncateTornLine(file);
    if (tornBytes > 0) {
      missing.push(
        `1 torn line (${tornBytes} bytes) was cut from the end of ${basename(file.path)}: ` +
          'its writer was stopped in the middle of it',
      );
    }
    await facts.run(ingestSql(file));
  }
  await facts.run(MARK_DUPLICATES);
  return missing;
}
