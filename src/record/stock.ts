import { STOCK } from '../scenario/scenario.ts';
import type { RunRecord } from './record.ts';

/** The dataset that showed the stock; null: there was none. Records that do not name it have the stream's name for it. */
export function stockOf({ pipeline }: Pick<RunRecord, 'pipeline'>): string | null {
  return pipeline.stock === undefined ? STOCK : pipeline.stock;
}
