import { parseCheck } from '../scenario/checks.ts';
import type { RunRecord } from './record.ts';

/** Default main query. It reads every row of the stock table, so it shows the cost of small files first. */
const DEFAULT_QUERY = 'full-aggregate';

/**
 * The query of the headline: the first one that a check of the scenario names, else `full-aggregate`, else the first
 * query. It is not chosen by its latency, because the most extreme of six is partly extreme by chance.
 */
export function mainQuery({
  checks,
  queries,
}: Pick<RunRecord, 'checks' | 'queries'>): string | undefined {
  const asked = new Set(queries?.results.map(({ query }) => query));
  const named = checks.flatMap(({ text }) => {
    const parsed = parseCheck(text);
    return parsed.kind === 'check' && parsed.check.metric.text === 'query' && parsed.check.of
      ? [parsed.check.of.text]
      : [];
  });
  return [...named, DEFAULT_QUERY, ...asked].find((query) => asked.has(query));
}
