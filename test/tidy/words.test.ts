import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Words with a plainer replacement: not in comments, nor in titles of tests. `npm run spell` has
 * those of the prose (cspell.yaml).
 */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  amid: 'during, under',
  anybody: 'any user, any program',
  beside: 'next to',
  breath: 'a yield to the event loop',
  everybody: 'every shard, every reader',
  nobody: 'no user, no program; not sampled',
  somebody: 'a user, another program',
  told: 'reported, recorded',
  unasked: 'unexpectedly',
  whoever: 'the caller, the owner',
};

const COMMENT = /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm;
const TITLE = /^ *(?:\]\)|(?:test|it|describe)(?:\.\w+)?(?:\(.*?\))?)\(\s*(['"`]).*?\1/gm;
const BANNED = new RegExp(`\\b(${Object.keys(REPLACEMENTS).join('|')})\\b`, 'gi');

function textOf(folder: string): readonly { readonly path: string; readonly text: string }[] {
  const dir = join(root, folder);
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(dir, path))
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }));
}

/** Line and replacement of each banned word in the parts of a text that `pattern` finds. */
function banned(folder: string, pattern: RegExp): readonly string[] {
  return textOf(folder).flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].flatMap((part) =>
      [...part[0].matchAll(BANNED)].map((word) => {
        const line = text.slice(0, part.index + word.index).split('\n').length;
        const plainer = REPLACEMENTS[word[0].toLowerCase()];
        return `${path}:${line}: ${word[0]} -> ${plainer}`;
      }),
    ),
  );
}

test('the search finds a banned word in a comment and in a title', () => {
  const [comment = ''] = 'open();\n// Whoever opens it closes it.'.match(COMMENT) ?? [];
  expect(comment.match(BANNED)).toEqual(['Whoever']);
  const [title = ''] = `test('is ${'told'}', () => {`.match(TITLE) ?? [];
  expect(title.match(BANNED)).toEqual(['told']);
});

test.each(['src', 'test', 'bench'])('comments in %s use plain words', (folder) => {
  expect(banned(folder, COMMENT)).toEqual([]);
});

test.each(['src', 'test'])('titles of the tests in %s use plain words', (folder) => {
  expect(banned(folder, TITLE)).toEqual([]);
});
