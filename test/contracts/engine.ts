import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Reader } from '../../src/harness/engines/engine.ts';

interface Given {
  readonly open: () => Promise<Reader>;
  /** Full name of a table with two rows, whose column `n` has 1 and 2. */
  readonly table: string;
  /** A table function with so many rows `r.id` that no engine reads them within a minute. */
  readonly endless: string;
}

/**
 * Contract of every query engine. Its tests are in order, on one reader: an engine may take seconds to start. They are
 * skipped, with the reason in their name, if the engine is not on this machine.
 */
export function engineContract(
  kind: string,
  given: () => Given,
  missing: string | null = null,
): void {
  const limits = { timeoutMs: 60_000 };
  const why = missing === null ? '' : ` (skipped: ${missing})`;

  describe.skipIf(missing !== null)(`the query engine ${kind}${why}`, () => {
    let reader: Reader;
    let table: string;
    beforeAll(async () => {
      table = given().table;
      reader = await given().open();
    }, 240_000);
    afterAll(() => reader?.close());

    test('answers with rows and with when it was at work', async () => {
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
      const answer = await reader.query('SELECT * FROM nowhere', {}, limits);
      expect(answer).toMatchObject({ outcome: 'failed', rows: [] });
      expect(answer.error).toContain('nowhere');
      expect(await reader.query('SELECT 1 AS one', {}, limits)).toMatchObject({ outcome: 'ok' });
    });

    test('answers one at a time, in the order of the calls', async () => {
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

    test('ends a query at its limit, as a time-out, and answers the next one', async () => {
      const answer = await reader.query(
        `SELECT max(a.n + r.id) AS s FROM ${table} a, ${given().endless}`,
        {},
        { timeoutMs: 1 },
      );
      expect(answer.outcome).toBe('timeout');
      expect(answer.error).toContain('1 ms');
      expect(await reader.query('SELECT 1 AS one', {}, limits)).toMatchObject({ outcome: 'ok' });
    }, 120_000);

    test('answers in a new instance too, and after its end not at all', async () => {
      const cold = await reader.cold(`SELECT count(*) AS rows FROM ${table}`, {}, limits);
      expect(cold).toMatchObject({ outcome: 'ok', rows: [{ rows: 2 }] });
      expect(cold.attachMs).toBeGreaterThanOrEqual(0);
      await reader.close();
      expect((await reader.query('SELECT 1', {}, limits)).outcome).toBe('failed');
    }, 240_000);
  });
}
