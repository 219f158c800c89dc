import { describe, expect, test } from 'vitest';
import type { Reader } from '../../src/harness/engines/engine.ts';

/** Contract of every query engine. `table`: full name of a table with two rows, whose column `n` has 1 and 2. */
export function engineContract(
  kind: string,
  given: () => { readonly open: () => Promise<Reader>; readonly table: string },
): void {
  const limits = { timeoutMs: 60_000 };

  describe(`the query engine ${kind}`, () => {
    test('answers with rows and with when it was at work', async () => {
      const { open, table } = given();
      await using reader = await open();
      const answer = await reader.query(
        `SELECT n FROM ${table} WHERE n > $least ORDER BY n`,
        { least: 0 },
        limits,
      );
      expect(answer).toMatchObject({ outcome: 'ok', error: null, rows: [{ n: 1 }, { n: 2 }] });
      expect(answer.endMs).toBeGreaterThan(answer.startMs);
      expect(reader.crashes).toBe(0);
    });

    test('returns the reason for a missing answer, and continues', async () => {
      const { open } = given();
      await using reader = await open();
      const answer = await reader.query('SELECT * FROM nowhere', {}, limits);
      expect(answer).toMatchObject({ outcome: 'failed', rows: [] });
      expect(answer.error).toContain('nowhere');
      expect(await reader.query('SELECT 1 AS one', {}, limits)).toMatchObject({ outcome: 'ok' });
    });

    test('answers one at a time, in the order of the calls', async () => {
      const { open } = given();
      await using reader = await open();
      const answers = await Promise.all(
        [1, 2, 3].map((n) => reader.query(`SELECT ${n} AS n`, {}, limits)),
      );
      expect(answers.map(({ rows }) => rows[0]?.n)).toEqual([1, 2, 3]);
      for (const [i, { startMs }] of answers.entries()) {
        if (i === 0) continue;
        // A start is truncated to whole milliseconds; an end is the start plus a finer duration.
        const endedMs = Math.floor(answers[i - 1]?.endMs ?? Number.NaN);
        expect(startMs).toBeGreaterThanOrEqual(endedMs);
      }
    });

    test('ends a query at its limit, as a time-out', async () => {
      const { open, table } = given();
      await using reader = await open();
      const answer = await reader.query(
        `SELECT sum(a.n * r.range) AS s FROM ${table} a, range(3000000000) r`,
        {},
        { timeoutMs: 1 },
      );
      expect(answer.outcome).toBe('timeout');
      expect(answer.error).toContain('1 ms');
    });

    test('answers in a new instance too, and after its end not at all', async () => {
      const { open, table } = given();
      const reader = await open();
      const cold = await reader.cold(`SELECT count(*) AS rows FROM ${table}`, {}, limits);
      expect(cold).toMatchObject({ outcome: 'ok', rows: [{ rows: 2 }] });
      expect(cold.attachMs).toBeGreaterThanOrEqual(0);
      await reader.close();
      expect((await reader.query('SELECT 1', {}, limits)).outcome).toBe('failed');
    });
  });
}
