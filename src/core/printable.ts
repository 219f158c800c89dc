/**
 * Makes untrusted text safe to print: a record, a scenario, a server's log. A terminal executes control characters (ESC,
 * OSC, U+009B), and characters that change the direction of text make one text look like another.
 */

/** Control and format characters, lone surrogates and line separators; joiners are part of words and emoji. */
const UNSEEN = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Escapes such characters as `\u001b`, which has the same meaning in a JSON string; line breaks and tabs stay. */
export function escaped(text: string): string {
  return text.replace(UNSEEN, (found) =>
    [...Array(found.length).keys()]
      .map((i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/**
 * Replaces every such character by one visible character, so that a caret below still points at the same position. On
 * one line.
 */
export function printable(text: string): string {
  // A tab is as wide as its caret.
  return text
    .replaceAll('\t', ' ')
    .replace(UNSEEN, (found) => '\uFFFD'.repeat(found.length))
    .replaceAll('\n', '\uFFFD');
}

/** The colours of picocolors, bold and dim, which cannot hide or move text. */
const COLOURS = new RegExp(`(${'\u001b'}\\[(?:1|2|22|31|32|33|36|39)m)`);

/** Text for a terminal: `escaped`, but with our own colours. */
export function forTerminal(text: string, color: boolean): string {
  if (!color) return escaped(text);
  return text
    .split(COLOURS)
    .map((part, i) => (i % 2 === 1 ? part : escaped(part)))
    .join('');
}
