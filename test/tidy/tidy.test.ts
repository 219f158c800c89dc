import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'src');

interface SourceFile {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly code: string;
  readonly isTest: boolean;
}

/** Comments and string contents do not count: a docstring may say "Date.now". */
function stripped(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/.*$/gm, '');
}

const files: readonly SourceFile[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8');
    return {
      path,
      folder: path.split('/')[0] as string,
      text,
      code: stripped(text),
      isTest: path.endsWith('.test.ts'),
    };
  });

const product = files.filter((file) => !file.isTest);

/** Who may import whom: the architecture, as a table (docs/architecture.md has the picture). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  scenario: ['core', 'scenario'],
  generators: ['core', 'scenario', 'generators'],
  topology: ['core', 'scenario', 'generators', 'topology'],
  record: ['core', 'scenario', 'record'],
  reports: ['core', 'scenario', 'record', 'reports'],
  harness: ['core', 'scenario', 'generators', 'topology', 'record', 'harness'],
  cli: ['core', 'scenario', 'generators', 'topology', 'record', 'reports', 'harness', 'cli'],
};

function imports(file: SourceFile): readonly string[] {
  const found = file.text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
  return [...found].map((match) => match[1] as string);
}

test('there is something to check', () => {
  expect(product.length).toBeGreaterThan(10);
});

test('imports follow the one direction of the architecture', () => {
  const wrong: string[] = [];
  for (const file of product) {
    for (const specifier of imports(file)) {
      if (!specifier.startsWith('.')) continue;
      const target = relative(src, resolve(join(src, dirname(file.path)), specifier));
      const folder = target.split('/')[0] as string;
      if (!MAY_IMPORT[file.folder]?.includes(folder)) wrong.push(`${file.path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

/** Folders and files of the harness, lowest first: each imports from those above it in this list only. */
const HARNESS_LAYERS: readonly (readonly string[])[] = [
  ['entry.ts', 'priority.ts', 'process-identity.ts', 'reason.ts', 'run-namespace.ts'],
  ['clients', 'clock-watch.ts', 'shown-versions.ts'],
  ['facts.ts', 'clock-offset.ts', 'setup'],
  ['dimensions.ts', 'recording', 'stack'],
  ['doctor', 'load'],
  ['batches'],
  ['opening-stock'],
  ['pipelines', 'visibility'],
  ['engines', 'maintenance'],
  ['probes', 'truth'],
  ['faults.ts', 'measure'],
  ['impact', 'outcome'],
  ['sharding'],
  ['shared-stack.ts'],
  ['up.ts'],
  ['experiment'],
];

test('imports inside the harness go from a higher layer to a lower one', () => {
  const layerOf = (path: string) => {
    const part = path.split('/')[1] as string;
    const layer = HARNESS_LAYERS.findIndex((parts) => parts.includes(part));
    expect(layer, `${part} is in no layer`).toBeGreaterThanOrEqual(0);
    return { part, layer };
  };
  const wrong = product
    .filter((file) => file.folder === 'harness')
    .flatMap((file) => {
      const from = layerOf(file.path);
      return imports(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(src, resolve(join(src, dirname(file.path)), specifier)))
        .filter((target) => target.startsWith('harness/'))
        .filter((target) => {
          const to = layerOf(target);
          return to.part !== from.part && to.layer >= from.layer;
        })
        .map((target) => `${file.path} imports ${target}`);
    });
  expect(wrong).toEqual([]);
  // What is gone is in no layer.
  const there = new Set(readdirSync(join(src, 'harness')));
  expect(HARNESS_LAYERS.flat().filter((part) => !there.has(part))).toEqual([]);
});

test('the world of the generators leans on nothing that happens in it', () => {
  const wrong = product
    .filter((file) => file.path.startsWith('generators/world/'))
    .flatMap((file) =>
      imports(file)
        .filter((specifier) => /^\.\.\/(?!\.\.\/)/.test(specifier))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
  expect(wrong).toEqual([]);
});

test('a driver library is imported only by its client', () => {
  const drivers = ['kafkajs', '@duckdb/node-api', '@aws-sdk/client-s3', '@redis/client', 'avsc'];
  // A record is queried in SQL without the harness.
  const clients = (path: string) =>
    path.startsWith('harness/clients/') || path === 'record/query-sql.ts';
  const wrong = product
    .filter((file) => !clients(file.path))
    .flatMap((file) =>
      imports(file)
        .filter((specifier) => drivers.includes(specifier))
        .map((specifier) => `${file.path} imports ${specifier}`),
    );
  expect(wrong).toEqual([]);
});

test('generators are pure: nothing of node', () => {
  const wrong = product
    .filter((file) => file.folder === 'generators')
    .flatMap((file) => imports(file).filter((specifier) => specifier.startsWith('node:')));
  expect(wrong).toEqual([]);
});

/** A call with a replacement of ours: banned everywhere but in the file that may use it. */
const BANNED: readonly {
  readonly call: RegExp;
  readonly only: readonly string[];
  readonly use: string;
}[] = [
  { call: /\bDate\.now\(/, only: ['core/clock.ts'], use: 'Clock.nowMs' },
  { call: /\bperformance\.now\(/, only: ['core/clock.ts'], use: 'Clock.monotonicMs' },
  { call: /\bnew Date\(\)/, only: ['core/clock.ts'], use: 'Clock.nowMs' },
  { call: /\bMath\.random\(/, only: [], use: 'random(seed, …labels)' },
  { call: /\bprocess\.exit\(/, only: ['cli/main.ts'], use: 'an exit code returned to main' },
  {
    call: /\bprocess\.std(out|err)\.write\(/,
    only: ['cli/terminal.ts'],
    use: 'Terminal, which escapes control characters',
  },
  { call: /\bconsole\./, only: [], use: 'cli/terminal.ts' },
];

test.each(BANNED)('$call is banned: use $use', ({ call, only }) => {
  const wrong = product.filter((file) => !only.includes(file.path) && call.test(file.code));
  expect(wrong.map((file) => file.path)).toEqual([]);
});

test('workload laws use power() of core/power.ts: ** and Math.pow differ between versions of Node', () => {
  const laws = product.filter(
    ({ path }) =>
      path.startsWith('generators/') || /^core\/(random|distributions|power)/.test(path),
  );
  expect(laws.length).toBeGreaterThan(30);
  const code = ({ code: all }: SourceFile) => all.replace(/'[^'\n]*'/g, '');
  const wrong = laws.filter((file) =>
    /\*\*|Math\.(pow|log2|log10|log1p|expm1|cbrt|hypot|tan|sinh|cosh|atan2)\b/.test(code(file)),
  );
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

/** Names of streams, and of the shipped pipelines' tables; `pos` and `cart` are words, and count as a name or a key alone. */
const STREAM_NAMES = /\b(inventory|loyalty|wms|dead_letter)\b|['"`.](pos|cart)\b/;

/** What names streams or tables by their nature; each entry says why, and the list only shrinks. */
const MAY_NAME_STREAMS: Readonly<Record<string, string>> = {
  'topology/dataset.ts': 'the literal map of what the records of each stream are',
  'topology/manifest.ts': 'shows what to write in place of keys that were replaced',
  'harness/load/marker.ts': 'the records of each stream that mark a place in it',
  'harness/recording/open.ts': 'lays a recording over the traffic of a scenario',
  'cli/commands/explain.ts': 'explains a pipeline by a scenario with every stream',
  'cli/scenario-file.ts': 'has a key of the scenario as an example in its help',
  'harness/dimensions.ts': 'leaves the streams out that no member is in',
};

test('code asks what a dataset carries, and not what a stream or a table is called', () => {
  const named = product
    .filter(({ folder }) => !['generators', 'scenario'].includes(folder))
    .filter(({ code }) =>
      code
        .split('\n')
        // CONTRACT expects of a damaged record that it becomes a `dead_letter`: no table.
        .map((line) => (/expect/i.test(line) ? line.replaceAll('dead_letter', '') : line))
        .some((line) => STREAM_NAMES.test(line)),
    )
    .map(({ path }) => path);
  expect(named.toSorted()).toEqual(Object.keys(MAY_NAME_STREAMS).toSorted());
});

test('no left-over markers', () => {
  const marker = new RegExp(['TO', 'DO|FIX', 'ME|XX', 'X'].join(''));
  const wrong = files.filter((file) => marker.test(file.text));
  expect(wrong.map((file) => file.path)).toEqual([]);
});

test('files stay small enough to read in one sitting', () => {
  const long = product
    .map((file) => ({ path: file.path, lines: file.text.split('\n').length }))
    .filter((file) => file.lines > 400);
  expect(long).toEqual([]);
});

test('no file is dead: each one is imported, or is an entry', () => {
  const entries = /(^cli\/main\.ts$|worker\.ts$|-child\.ts$)/;
  const imported = new Set(
    files.flatMap((file) =>
      imports(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(src, resolve(join(src, dirname(file.path)), specifier))),
    ),
  );
  const dead = product.filter((file) => !imported.has(file.path) && !entries.test(file.path));
  expect(dead.map((file) => file.path)).toEqual([]);
});

test('no package has an install script but those that are known to work without', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { hasInstallScript?: boolean; integrity?: string }>>;
  };
  const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  expect(scripted.map(([path]) => path.replace(/^.*node_modules\//, '')).sort()).toEqual([
    'cpu-features',
    'protobufjs',
    'ssh2',
  ]);
  const unpinned = Object.entries(packages).filter(([path, { integrity }]) => path && !integrity);
  expect(unpinned).toEqual([]);
  // Images are built without any of them.
  const dockerfile = readFileSync(join(root, 'docker/Dockerfile'), 'utf8');
  const installs = dockerfile.match(/npm (?:install|ci).*/g) ?? [];
  expect(installs.length).toBeGreaterThan(0);
  for (const install of installs) expect(install).toContain('--ignore-scripts');
});

test('nothing names this machine or a registry host', () => {
  const registry = new RegExp(
    [
      'registry\\.npm',
      'js\\.org|repo1?\\.maven|files\\.pythonhosted|pypi\\.org|proxy\\.golang',
    ].join(''),
  );
  const home = new RegExp(['/wo', 'rk/|/ro', 'ot/'].join(''));
  const wrong = files.filter((file) => registry.test(file.text) || home.test(file.text));
  expect(wrong.map((file) => file.path)).toEqual([]);
});

test('every export is imported somewhere', () => {
  const outside = ['test', 'bench'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(folder, path)),
  );
  const all = [...files.map(({ path }) => join('src', path)), ...outside].map((path) => ({
    path,
    text: readFileSync(join(root, path), 'utf8'),
  }));
  const loaded = all.flatMap(({ path, text }) =>
    [...text.matchAll(/\(await import\('(\.[^']+)'\)\)\.(\w+)/g)].map(
      ([, from = '', name]) => `${join(dirname(path), from)} ${name}`,
    ),
  );
  const taken = new Set([
    ...loaded,
    ...all.flatMap(({ path, text }) =>
      [
        ...text.matchAll(/(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'(\.[^']+)'/g),
        ...text.matchAll(/\{([^{}]*)\}\s+=\s+await import\('(\.[^']+)'\)/g),
      ].flatMap(([, names = '', from = '']) =>
        names
          .split(',')
          .map((name) => name.trim().replace(/^type\s+/, ''))
          .map((name) => `${join(dirname(path), from)} ${name.split(' as ')[0]}`),
      ),
    ),
  ]);
  const exported = product.flatMap(({ path, text }) =>
    [...text.matchAll(/^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/gm)].map(
      ([, name]) => `${join('src', path)} ${name}`,
    ),
  );
  // The binary loads it by its path in the build.
  const entry = 'src/cli/main.ts main';
  expect(exported.filter((one) => one !== entry && !taken.has(one))).toEqual([]);
});
