import { STOCK } from '../scenario/scenario.ts';
import type { RunRecord } from './record.ts';

/** The dataset that showed the stock; null: there was none. In older records it has the stream's name. */
export function stockOf({ pipeline }: Pick<RunRecord, 'pipeline'>): string | null {
  return pipeline.stock === undefined ? STOCK : pipeline.stock;
}
