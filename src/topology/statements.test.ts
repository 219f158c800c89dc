import { expect, test } from 'vitest';
import { splitStatements } from './statements.ts';

test('a semicolon ends a statement, but not in quotes, comments or a statement set', () => {
  const sql = `-- first; not a statement
SET 'a' = 'x;y';
/* second; */ CREATE TABLE \`odd;name\` (i INT); -- trailing

EXECUTE STATEMENT SET BEGIN
INSERT INTO a SELECT CASE WHEN 1 = 1 THEN 'it''s;' END FROM b; -- inner
INSERT INTO c SELECT 1;
END;
SELECT 1`;
  expect(splitStatements(sql)).toEqual([
    { text: "SET 'a' = 'x;y'", line: 2 },
    { text: 'CREATE TABLE `odd;name` (i INT)', line: 3 },
    {
      text: `EXECUTE STATEMENT SET BEGIN
INSERT INTO a SELECT CASE WHEN 1 = 1 THEN 'it''s;' END FROM b; -- inner
INSERT INTO c SELECT 1;
END`,
      line: 5,
    },
    { text: 'SELECT 1', line: 9 },
  ]);
});

test('comments alone are no statement', () => {
  expect(splitStatements('-- nothing\n/* at all */\n;\n')).toEqual([]);
});
