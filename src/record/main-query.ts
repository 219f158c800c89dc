import { parseCheck } from '../scenario/checks.ts';
import type { RunRecord } from './record.ts';

/** Reads every row of the stock table: what small files cost shows here first. */
const BY_DEFAULT = 'full-aggregate';

/**
 * The query that a headline is about: the first that a check of the scenario names, else `full-aggregate`, else the
 * first asked. Never chosen by the latencies that are reported: the most extreme of six is extreme by chance too.
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
  return [...named, BY_DEFAULT, ...asked].find((query) => asked.has(query));
}
