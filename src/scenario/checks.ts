import type { Comparator } from './scenario.ts';

/** A word of a check, and the character of the text at which it starts. */
export interface Word {
  readonly text: string;
  readonly from: number;
}

/**
 * A parsed check, before verifying that its metric, stream and phase exist:
 *
 *     metric [ "(" of ")" ] [ "." stat ] [ "during" phase | phase "/" phase ] comparator limit
 */
export interface CheckText {
  readonly metric: Word;
  readonly of: Word | null;
  readonly stat: Word | null;
  readonly during: Word | null;
  readonly ratio: { readonly numerator: Word; readonly denominator: Word } | null;
  readonly comparator: Comparator;
  readonly limit: Word;
}

/** An error in a check, with the first character and the length of the text at fault. */
export interface CheckMistake {
  readonly message: string;
  readonly from: number;
  readonly length: number;
}

type ParsedCheck =
  | { readonly kind: 'check'; readonly check: CheckText }
  | { readonly kind: 'mistake'; readonly mistake: CheckMistake };

const TOKEN = /\s*(?:([A-Za-z_][\w-]*)|(<=|>=|==|<|>)|([().,/])|(\S))/y;

type Kind = 'word' | 'comparator' | 'mark' | 'odd';

interface Token extends Word {
  readonly kind: Kind;
}

/** Only thrown in this file, and caught by `parseCheck`. */
class Mistake extends Error {
  readonly mistake: CheckMistake;
  constructor(message: string, word: Word) {
    super(message);
    this.mistake = { message, from: word.from, length: Math.max(1, word.text.length) };
  }
}

/** Words, marks and comparators up to the first comparator; the rest is the limit. */
function tokens(text: string): { readonly left: readonly Token[]; readonly limit: Word } {
  const left: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const [, word, comparator, mark, odd] = match;
    const found = (word ?? comparator ?? mark ?? odd) as string;
    const kind: Kind = word ? 'word' : comparator ? 'comparator' : mark ? 'mark' : 'odd';
    const token = { text: found, from: TOKEN.lastIndex - found.length, kind };
    left.push(token);
    if (kind === 'comparator') break;
  }
  const last = left.at(-1);
  const end = last ? last.from + last.text.length : 0;
  const rest = text.slice(end);
  const limit = { text: rest.trim(), from: end + rest.length - rest.trimStart().length };
  return { left, limit };
}

/** Parses one check. An error says what was expected, and at which character. */
export function parseCheck(text: string): ParsedCheck {
  try {
    return { kind: 'check', check: read(text) };
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { kind: 'mistake', mistake: error.mistake };
  }
}

function read(text: string): CheckText {
  const { left, limit } = tokens(text);
  const end: Word = { text: '', from: text.trimEnd().length };
  let next = 0;
  const peek = (mark: string) => left[next]?.kind !== 'odd' && left[next]?.text === mark;
  const take = (kind: Kind, wanted: string): Token => {
    const token = left[next];
    if (token?.kind !== kind) {
      throw new Mistake(`expected ${wanted}${token ? `, not "${token.text}"` : ''}`, token ?? end);
    }
    next++;
    return token;
  };
  const mark = (wanted: string): boolean => {
    if (!peek(wanted)) return false;
    next++;
    return true;
  };

  const metric = take('word', 'the name of a metric');
  const of = mark('(') ? take('word', 'what the metric is of') : null;
  if (of && !mark(')')) throw new Mistake('expected )', left[next] ?? end);
  const stat = mark('.') ? take('word', 'a statistic, like p99') : null;
  let during: Word | null = null;
  let ratio: CheckText['ratio'] = null;
  if (peek('during') && left[next + 1]?.text !== '/') {
    next++;
    during = take('word', 'the name of a phase');
  } else if (left[next]?.kind === 'word') {
    const numerator = take('word', 'the name of a phase');
    if (!mark('/')) {
      throw new Mistake('expected "during phase", or two phases "a / b"', numerator);
    }
    ratio = { numerator, denominator: take('word', 'the name of a phase') };
  }
  const comparator = take('comparator', 'one of < <= == >= >').text as Comparator;
  if (limit.text === '') throw new Mistake('expected a limit', end);
  return { metric, of, stat, during, ratio, comparator, limit };
}
