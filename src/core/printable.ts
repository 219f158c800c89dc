/**
 * Text of other people on its way to a person: a record, a scenario, a server's log. A terminal obeys control
 * characters (ESC, OSC, U+009B), and characters that turn the direction of text make one thing look like another.
 */

/** Control and format characters, lone surrogates and line separators; joiners are part of words and emoji. */
const UNSEEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** With every such character as `\u001b`, which inside a string of JSON means the same; line breaks and tabs stay. */
export function escaped(text: string): string {
  return text.replace(UNSEEN, (found) =>
    [...Array(found.length).keys()]
      .map((i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/**
 * With every such character as one that can be seen, one for one, so that a caret beneath still points at the same
 * character. On one line.
 */
export function printable(text: string): string {
  // A tab is as wide as its caret.
  return text
    .replaceAll('\t', ' ')
    .replace(UNSEEN, (found) => '\uFFFD'.repeat(found.length))
    .replaceAll('\n', '\uFFFD');
}

/** The colours of picocolors, and bold and dim: they hide nothing and move nothing. */
const COLOURS = new RegExp(`(${'\u001b'}\\[(?:1|2|22|31|32|33|36|39)m)`);

/** What a terminal may be sent: `escaped`, with our own colours where there are any. */
export function forTerminal(text: string, color: boolean): string {
  if (!color) return escaped(text);
  return text
    .split(COLOURS)
    .map((part, i) => (i % 2 === 1 ? part : escaped(part)))
    .join('');
}
