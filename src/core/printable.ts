/**
 * Text of other people on its way to a person: a record, a scenario, a server's log. A terminal obeys control
 * characters (ESC, OSC, U+009B), and characters that turn the direction of text make one thing look like another.
 */

/** Control and format characters, lone surrogates and line separators; joiners are part of words and emoji. */
const UNSEEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

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
