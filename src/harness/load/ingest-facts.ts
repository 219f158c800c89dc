import { basename } from 'node:path';
import type { Facts } from '../facts.ts';
import { ingestSql } from './fact-file.ts';
import type { LoadResult } from './load.ts';
import { truncateTornLine } from './truncate-torn-line.ts';

/**
 * Loads the files that the load wrote into the facts. Returns one sentence per loss: a torn line that
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
  return missing;
}
