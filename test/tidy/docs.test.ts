import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
];

function read(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** What a heading is linked by: GitHub's rule. */
function anchorsOf(page: string): readonly string[] {
  return [...read(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Links to files of this repository; fenced blocks hold no links. */
function linksOf(page: string): readonly string[] {
  const text = read(page).replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
}

test('every link between pages leads to a file, and every anchor to a heading', () => {
  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : relative(root, join(root, dirname(page), path));
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !anchorsOf(target).includes(anchor);
      })
      .map((link) => `${page}: ${link}`),
  );
  expect(pages.length).toBeGreaterThan(20);
  expect(broken).toEqual([]);
});

test('README has at most 60 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(60);
});

test('a decision has a number of its own, in its file and in its title', () => {
  const decisions = pages.filter((page) => dirname(page) === 'docs/adr');
  const numbers = decisions.map((page) => /\/(\d{3})-/.exec(page)?.[1]);
  expect(numbers.filter((one, i) => numbers.indexOf(one) !== i)).toEqual([]);
  for (const [i, page] of decisions.entries()) {
    expect(read(page).startsWith(`# ${Number(numbers[i])}. `), page).toBe(true);
  }
});
