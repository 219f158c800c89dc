/** One SQL statement of a file, without its semicolon; `line` is where it begins, from 1. */
export interface Statement {
  readonly text: string;
  readonly line: number;
}

/** Comments, quoted text, semicolons and words: the tokens that splitting needs. */
const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|`(?:[^`]|``)*`|;|\bBEGIN\b|\bEND\b|\bCASE\b/gi;

/**
 * The statements of a SQL text. A semicolon in quotes, in a comment or between BEGIN and END of a
 * statement set ends nothing. Comments stay where they are: Flink reads hints from them.
 */
export function splitStatements(sql: string): readonly Statement[] {
  const statements: Statement[] = [];
  let start = 0;
  // BEGIN and CASE both close with END.
  let depth = 0;
  const take = (end: number) => {
    const lead = sql.slice(start, end).match(/^(?:\s|--[^\n]*|\/\*(?!\+)[\s\S]*?\*\/)*/)?.[0] ?? '';
    const text = sql.slice(start + lead.length, end).trim();
    if (text !== '') {
      statements.push({ text, line: sql.slice(0, start + lead.length).split('\n').length });
    }
  };
  for (const match of sql.matchAll(TOKEN)) {
    const token = match[0].toUpperCase();
    if (token === 'BEGIN' || token === 'CASE') depth += 1;
    else if (token === 'END') depth = Math.max(0, depth - 1);
    else if (token === ';' && depth === 0) {
      take(match.index);
      start = match.index + 1;
    }
  }
  take(sql.length);
  return statements;
}

/** The text with comments and quoted text blanked, character by character: names and keywords alone remain. */
export function codeOf(sql: string): string {
  return sql.replace(/--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g, (text) =>
    text.replace(/[^\n]/g, ' '),
  );
}
