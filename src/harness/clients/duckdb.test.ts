import { expect, test } from 'vitest';
import { openDatabase } from './duckdb.ts';

const open = () => openDatabase(':memory:', { memoryMb: 256, threads: 1 });

test('statements that are asked for at once run one after another, with and without parameters', async () => {
  const database = await open();
  const connection = await database.connect();
  try {
    await connection.run('CREATE TABLE numbers AS SELECT range AS n FROM range(1000)');
    // A statement with parameters is prepared and then run: another one in between would close it.
    const asked = Array.from({ length: 1_000 }, (_, i) =>
      i % 3 === 0
        ? connection.run('UPDATE numbers SET n = n WHERE n = $n', { n: i })
        : connection.rows(
            'SELECT count(*) AS n FROM numbers WHERE n < $n',
            i % 3 === 1 ? { n: i } : { n: 0 },
          ),
    );
    const settled = await Promise.allSettled(asked);
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await asked[1]).toEqual([{ n: 1 }]);
  } finally {
    connection.close();
    database.close();
  }
});

test('a statement that fails does not hold up the next one', async () => {
  const database = await open();
  const connection = await database.connect();
  try {
    const [failed, answered] = await Promise.allSettled([
      connection.run('SELECT nothing FROM nowhere'),
      connection.rows('SELECT 1 AS one'),
    ]);
    expect(failed.status).toBe('rejected');
    expect(answered).toMatchObject({ status: 'fulfilled', value: [{ one: 1 }] });
  } finally {
    connection.close();
    database.close();
  }
});

test('a stream of chunks is read to its end before the next statement', async () => {
  const database = await open();
  const connection = await database.connect();
  try {
    const chunks = connection.textChunks('SELECT range::VARCHAR FROM range(10000)');
    const first = await chunks.next();
    const next = connection.rows('SELECT 1 AS one');
    let rows = first.value?.[0]?.length ?? 0;
    for await (const [column] of chunks) rows += column?.length ?? 0;
    expect(rows).toBe(10_000);
    expect(await next).toEqual([{ one: 1 }]);
  } finally {
    connection.close();
    database.close();
  }
});
