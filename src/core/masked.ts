/**
 * Masks secrets in text for users. Mask a text before cutting it: the key or the end of a cut secret may be missing,
 * and then the rest would be shown.
 */

/** A word that names a secret. */
const NAMES_SECRET =
  /secret|token|passw|passphrase|credential|(?:access|api|private)[_-]?key|signature/i;
const WORDS = /[\w-]+/g;
/** Between the name and the value. */
const ASSIGNED = /["']?[^\S\n]*[:=][^\S\n]*/y;
/** A value in quotes, to the quote that ends it. */
const IN_QUOTES = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^']|'')*'/y;
/** Any other value: to the end of the line, of its part of a list in braces, or to a comment. */
const PLAIN = /(?:(?!,\s|\s#|\s[}\]]|\n)[\s\S])+/y;
/** User and password in a URL. */
const IN_URL = /(?<=:\/\/)[^\s/]+(?=@)/g;

/**
 * Replaces every character of a secret by `*`: the value after a key that names a secret, and user and password of a
 * URL. The length is unchanged, so that a caret below still points at its position. Linear in the text.
 */
export function masked(text: string): string {
  const words = new RegExp(WORDS);
  let seen = '';
  let from = 0;
  for (let word = words.exec(text); word !== null; word = words.exec(text)) {
    if (!NAMES_SECRET.test(word[0])) continue;
    const start = endOf(ASSIGNED, text, words.lastIndex);
    if (start === undefined) continue;
    const end = endOfValue(text, start);
    seen += text.slice(from, start) + starred(text.slice(start, end));
    from = end;
    words.lastIndex = Math.max(end, words.lastIndex);
  }
  return (seen + text.slice(from)).replace(IN_URL, starred);
}

function endOfValue(text: string, start: number): number {
  const quote = text[start];
  if (quote === '"' || quote === "'") {
    const end = endOf(IN_QUOTES, text, start);
    // Text directly after the quote belongs to the value.
    if (end !== undefined && !/[\w'"]/.test(text[end] ?? '')) return end;
  }
  // Empty, or a block indicator: the value is the more indented lines below.
  if (/^[|>]?[-+\d]*\s*$/.test(lineFrom(text, start))) return endOfBlock(text, start);
  return endOf(PLAIN, text, start) ?? start;
}

function lineFrom(text: string, start: number): string {
  const end = text.indexOf('\n', start);
  return text.slice(start, Math.min(end < 0 ? text.length : end, start + 100));
}

function endOfBlock(text: string, start: number): number {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const indent = indentAt(text, lineStart);
  let end = text.indexOf('\n', start);
  while (end >= 0 && end < text.length) {
    const next = text.indexOf('\n', end + 1);
    const line = text.slice(end + 1, next < 0 ? text.length : next);
    if (line.trim() !== '' && indentAt(line, 0) <= indent) break;
    if (next < 0) return text.length;
    end = next;
  }
  return end < 0 ? text.length : end;
}

function indentAt(text: string, at: number): number {
  let indent = 0;
  while (text[at + indent] === ' ') indent += 1;
  return indent;
}

/** End of a sticky pattern's match at a position; undefined if it does not match. */
function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  const sticky = new RegExp(pattern);
  sticky.lastIndex = at;
  return sticky.test(text) ? sticky.lastIndex : undefined;
}

function starred(text: string): string {
  return text.replace(/\S/g, '*');
}
