/**
 * SQL of the pending changes, in steps: during [from_ms, until_ms) `oldest` is the time of the oldest change that is
 * not visible; NULL: none is pending. It covers `changes` (not visible before their seen_ms) and `hidden` (visible,
 * then hidden for a while), per group of `by`, which maps column names to their SQL. After the last pending change
 * there is no step.
 */
export function pendingSteps(by: Readonly<Record<string, string>>): string {
  const keys = Object.keys(by);
  const names = keys.join(', ');
  const selected = keys.map((name) => `${by[name]} AS ${name}`).join(', ');
  const same = keys.map((name) => `again.${name} = steps.${name}`).join(' AND ');
  return `
    WITH moments AS (
      SELECT ${selected}, coalesce(seen_ms, 'Infinity'::DOUBLE) AS until_ms,
        min(occurred_ms) AS oldest
      FROM changes GROUP BY ALL
    ), again AS (
      SELECT ${selected}, from_ms, until_ms, min(oldest) AS oldest FROM hidden GROUP BY ALL
    ), ends AS (
      SELECT ${names}, until_ms FROM moments
      UNION SELECT ${names}, unnest([from_ms, until_ms]) FROM again
    ), steps AS (
      SELECT ${names}, until_ms,
        lag(until_ms, 1, '-Infinity'::DOUBLE) OVER (PARTITION BY ${names} ORDER BY until_ms) AS from_ms,
        min(oldest) OVER (PARTITION BY ${names} ORDER BY until_ms DESC) AS oldest
      FROM ends LEFT JOIN moments USING (${names}, until_ms)
    )
    SELECT * EXCLUDE (again) REPLACE (least(oldest, again) AS oldest)
    FROM (
      SELECT steps.*, min(again.oldest) AS again
      FROM steps LEFT JOIN again
        ON ${same} AND again.from_ms <= steps.from_ms AND again.until_ms >= steps.until_ms
      GROUP BY ALL
    )`;
}
