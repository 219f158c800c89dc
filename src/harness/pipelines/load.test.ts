// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are what is tested
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseScenario } from '../../scenario/parse.ts';
import { STREAMS } from '../../scenario/scenario.ts';
import { enginesUsed } from '../../topology/manifest.ts';
import { packageRoot } from '../entry.ts';
import { isolatedNamespace } from '../run-namespace.ts';
import { compactionOf } from './compactions/compactions.ts';
import { inNamespace, loadPipeline, pipelineFor, queriesUsed, submissions } from './load.ts';
import { fillPlaceholders, placeholderValues } from './placeholders.ts';

describe.each(['cdc-upsert', 'append-ledger'])('the shipped %s', (name) => {
  const pipeline = loadPipeline(name, '/nowhere');

  test('carries every stream in a dataset of the same name', () => {
    expect(pipeline.manifest.name).toBe(name);
    expect(pipeline.manifest.headline).toContain('direct feed, no Postgres');
    const { datasets } = pipeline.manifest;
    expect(datasets.map(({ name, carries }) => [name, carries])).toEqual([
      ...STREAMS.map((stream) => [stream, stream]),
      ['dead_letter', 'rejected'],
    ]);
  });

  test('answers the same questions as the other, under the same names and parameters', () => {
    expect(pipeline.queries.map((query) => [query.name, query.parameters])).toEqual([
      ['store-lookup', ['store', 'sku']],
      ['store-page', ['store']],
      ['sku-velocity', ['now_ms']],
      ['revenue', []],
      ['low-stock', []],
      ['full-aggregate', []],
    ]);
  });

  test('takes commit interval, parallelism and format from the scenario', () => {
    const values = placeholderValues(
      {
        use: name,
        commitEveryMs: 2_500,
        format: 3,
        parallelism: 2,
        compaction: { by: 'flink', everyMs: 7_000 },
      },
      { brokers: ['a:1', 'b:2'] },
      isolatedNamespace(pipeline.manifest, { prefix: 'black', runId: 'ab12' }),
    );
    const jobs = submissions(pipeline, 'function')
      .map((one) => fillPlaceholders(one, values))
      .join(';\n');
    for (const stream of STREAMS) {
      expect(jobs).toContain(`'topic' = 'black_ab12_${stream}'`);
      expect(jobs).toContain(`INSERT INTO ice.black_ab12_retail.${stream}`);
    }
    expect(jobs).toContain("'execution.checkpointing.interval' = '2500 ms'");
    expect(jobs).toContain("'parallelism.default' = '2'");
    expect(jobs).toContain("'properties.bootstrap.servers' = 'a:1,b:2'");
    expect(jobs).not.toContain('security.protocol');
    expect(jobs).toContain("'flink-maintenance.rewrite.enabled' = 'true'");
    expect(jobs).toContain("interval-second' = '7'");
    expect(fillPlaceholders(pipeline.tables, values).match(/'format-version' = '3'/g)).toHaveLength(
      6,
    );
    expect(jobs).not.toMatch(/\$\{/);
  });
});

test('docs/pipelines.md explains every placeholder', () => {
  const guide = readFileSync(join(packageRoot, 'docs', 'pipelines.md'), 'utf8');
  const { pipeline } = parseScenario(
    'name: x\nretail: { stores: 1 }\ntraffic: { pos: {} }\nphases: [{ name: one, for: 1s }]\n',
    { file: 'x.yaml' },
  ).scenario;
  const place = isolatedNamespace({ namespace: 'retail' }, { prefix: 'black', runId: 'ab12' });
  const known = Object.keys(placeholderValues(pipeline, { brokers: ['a:1'] }, place));
  const listed = [...guide.matchAll(/^\| `\$\{(\w+)\}`/gm)].map(([, name]) => name);
  expect(listed.toSorted()).toEqual(known.toSorted());
});

describe('a folder of one’s own', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'doorbuster-pipeline-'));
    cpSync(join(packageRoot, 'pipelines', 'cdc-upsert'), join(dir, 'mine'), { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** Replaces a text that must be there. */
  function edit(file: string, from: string | RegExp, to: string): void {
    const path = join(dir, 'mine', file);
    const before = readFileSync(path, 'utf8');
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    writeFileSync(path, after);
  }
  const load = () => loadPipeline('./mine', dir);

  test('is read by its path', () => {
    expect(load().queries).toHaveLength(6);
  });

  test('a placeholder that does not exist is named with file and line', () => {
    edit('tables.sql', '${format}', '${fromat}');
    const line = readFileSync(join(dir, 'mine', 'tables.sql'), 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('${fromat}'));
    expect(load).toThrow(`mine/tables.sql:${line + 1}: unknown placeholder \${fromat}`);
    expect(load).toThrow(expect.objectContaining({ exitCode: 2, hint: 'did you mean "format"?' }));
  });

  test('an unused placeholder is a setting without effect, and an error', () => {
    edit('jobs.sql', '${commit_every_ms} ms', '2 s');
    expect(load).toThrow(
      /mine\/jobs\.sql:1.*no \$\{commit_every_ms\} in there, so pipeline\.commit_every would have no effect/,
    );
  });

  test('a query that does not say where its run is would read another’s tables, and is an error', () => {
    edit('queries/revenue.sql', '${namespace}', 'retail');
    expect(load).toThrow(/mine\/queries\/revenue\.sql:1: no \$\{namespace\} in there/);
    edit('queries/revenue.sql', 'ice.retail', 'ice.${namespase}');
    expect(load).toThrow(/mine\/queries\/revenue\.sql:\d+: a query has no \$\{namespase\}/);
  });

  test('placed, its queries and its compaction are about the tables of one run', () => {
    const { queries, compact } = inNamespace(
      load(),
      isolatedNamespace({ namespace: 'retail' }, { prefix: 'black', runId: 'ab12' }),
    );
    for (const { sql } of queries) expect(sql).toContain('ice.black_ab12_retail.');
    expect(compact?.text).toContain("'black_ab12_retail.inventory'");
    expect(JSON.stringify([queries, compact])).not.toContain('${');
  });

  test('compaction in the sink needs its placeholders only where it is offered', () => {
    edit('jobs.sql', '${compact_in_sink}', 'false');
    expect(load).toThrow('${compact_in_sink}');
    edit('jobs.sql', '${compact_every_s}', '60');
    edit('pipeline.yaml', '[none, flink, spark]', '[none, spark]');
    expect(load().manifest.compaction).toEqual(['none', 'spark']);
    expect(() =>
      compactionOf(load(), {
        pipeline: {
          use: './mine',
          commitEveryMs: 1,
          format: 2,
          parallelism: 1,
          compaction: { by: 'flink', everyMs: 1 },
        },
      }),
    ).toThrow('cannot be compacted by flink: its pipeline.yaml offers none, spark');
  });

  test('an unknown key is framed with line and column and the nearest known one', () => {
    edit('pipeline.yaml', 'headline:', 'headlne:');
    expect(load).toThrow(
      /mine\/pipeline\.yaml:4:1: unknown key "headlne": did you mean "headline"/,
    );
  });

  test('a parameter that is used and not declared is an error, and so is the reverse', () => {
    edit('queries/store-page.sql', '$store', '$sku');
    expect(load).toThrow('queries/store-page.sql: $sku is used but not declared');
    edit('queries/store-page.sql', '$sku', '1');
    expect(load).toThrow('queries/store-page.sql: $store is declared but not used');
  });

  test('a stream without a job of its name is an error', () => {
    edit('jobs.sql', "SET 'pipeline.name' = 'wms';", "SET 'pipeline.name' = 'warehouse';");
    expect(load).toThrow(/mine\/jobs\.sql:\d+: a job that is named warehouse/);
    edit('jobs.sql', /SET 'pipeline.name' = 'warehouse';[^;]*;/, '');
    expect(load).toThrow('mine/jobs.sql:1: no job for the stream wms');
  });

  test('a view that is not generated is named with file and line', () => {
    edit('jobs.sql', 'FROM cart_accepted', 'FROM cart_acepted');
    const line = readFileSync(join(dir, 'mine', 'jobs.sql'), 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('cart_acepted'));
    expect(load).toThrow(`mine/jobs.sql:${line + 1}: there is no cart_acepted`);
    expect(load).toThrow(expect.objectContaining({ hint: 'did you mean "cart_accepted"?' }));
  });

  test('a declared Kafka source has the address of its run, like the generated ones', () => {
    const source = `CREATE TEMPORARY TABLE other (payload BYTES) WITH ('connector' = 'kafka', 'topic' = 'x');`;
    edit('jobs.sql', "SET 'pipeline.name' = 'pos';", `${source}\nSET 'pipeline.name' = 'pos';`);
    expect(load).toThrow('no ${kafka_brokers} in there');
    edit('jobs.sql', "'topic' = 'x'", "'b' = '${kafka_brokers}', 'topic' = '${topic_prefix}x'");
    expect(load().manifest.name).toBe('cdc-upsert');
  });

  test('a declared Kafka source of a secured cluster has its options, or is refused with what to write', () => {
    const source = (options: string) =>
      `CREATE TEMPORARY TABLE other (payload BYTES) WITH ('connector' = 'kafka', 'topic' = '\${topic_prefix}x', ${options});`;
    const before = "SET 'pipeline.name' = 'pos';";
    const brokers = "'properties.bootstrap.servers' = '${kafka_brokers}'";
    edit('jobs.sql', before, `${source(brokers)}\n${before}`);
    const on = (security: string) => {
      const text = `name: x\nretail: { stores: 1 }\ntraffic: { pos: {} }\nphases: [{ name: one, for: 1s }]\npipeline: { use: ./mine }\nstack: { runtime: external, external: { kafka_security: ${security} } }\n`;
      return pipelineFor({ ...parseScenario(text, { file: 'x.yaml' }), file: 'x.yaml' }, dir);
    };
    expect(on('{}').manifest.name).toBe('cdc-upsert');
    for (const security of ['{ tls: true }', '{ sasl: plain }']) {
      expect(() => on(security)).toThrow(
        'mine/jobs.sql:1: a Kafka source without ${kafka_security}',
      );
    }
    edit('jobs.sql', brokers, `${brokers}\${kafka_security}`);
    const { jobs } = on('{ tls: true }');
    const security = { tls: { ca: null }, sasl: null, flinkConnector: 'sql' } as const;
    const { pipeline } = parseScenario(
      'name: x\nretail: { stores: 1 }\ntraffic: { pos: {} }\nphases: [{ name: one, for: 1s }]\n',
      { file: 'x.yaml' },
    ).scenario;
    const values = placeholderValues(
      pipeline,
      { brokers: ['a:1'], security },
      isolatedNamespace({ namespace: 'retail' }, { prefix: 'black', runId: 'ab12' }),
    );
    expect(fillPlaceholders(jobs, values)).toContain(
      "'properties.bootstrap.servers' = 'a:1',\n  'properties.security.protocol' = 'SSL');",
    );
  });

  test('damage that Kafka Connect cannot find is refused, unless the scenario leaves it out', () => {
    const scenario = (malformed: string) => ({
      ...parseScenario(
        `name: x\nretail: { stores: 1 }\npipeline: { use: kafka-connect }\ntraffic:\n  pos: {}\n  faults: { malformed: { rate: 1%${malformed} } }\nphases: [{ name: one, for: 1s }]\n`,
        { file: 'x.yaml' },
      ),
      file: 'x.yaml',
    });
    const found = ', kinds: { truncated: 40%, wrong_type: 30%, bad_utf8: 30% }';
    expect(pipelineFor(scenario(found), dir).manifest.name).toBe('kafka-connect');
    expect(() => pipelineFor(scenario(''), dir)).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringMatching(
          /traffic\.faults\.malformed: the pipeline kafka-connect cannot find .*missing_key.*at x\.yaml:6:13/s,
        ),
      }),
    );
  });

  test('a scope of maintenance names tables that the run fills', () => {
    const of = (compaction: string, more = '') => {
      const text = `name: x\nretail: { stores: 1 }\ntraffic: { pos: {}, inventory: {} }\nphases:\n  - { name: one, for: 1s }\n${more}pipeline:\n  use: cdc-upsert\n  compaction: ${compaction}\n`;
      const parsed = { ...parseScenario(text, { file: 'x.yaml' }), file: 'x.yaml' };
      return pipelineFor(parsed, packageRoot).manifest.name;
    };
    const policy = (table: string) =>
      `{ by: spark, trigger: { every: 20s }, actions: [expire], scope: [${table}] }`;
    expect(of(policy('inventory'))).toBe('cdc-upsert');
    expect(() => of(policy('wms'))).toThrow(
      'fills no table wms in this scenario: name one of pos, inventory, dead_letter',
    );
    const phase = '  - { name: tidy, do: maintain, actions: [expire], scope: [stock] }\n';
    expect(() => of('{ by: spark }', phase)).toThrow('fills no table stock');
  });

  test('a scenario sets keys of the stages of its pipeline, and nothing that they do not have', () => {
    const of = (stages: string) => {
      const text = `name: x\nretail: { stores: 1 }\ntraffic: { pos: {} }\nphases: [{ name: one, for: 1s }]\npipeline:\n  use: warehouse\n  stages: ${stages}\n`;
      const parsed = { ...parseScenario(text, { file: 'x.yaml' }), file: 'x.yaml' };
      return pipelineFor(parsed, dir).manifest.stages;
    };
    const [own] = of('{}');
    expect(of('{ warehouse: { threads: 3, keep_batches: 4 } }')).toEqual([
      { ...own, threads: 3, keep_batches: 4 },
    ]);
    for (const [stages, message, column] of [
      [
        '{ wharehouse: {} }',
        'wharehouse: the pipeline has no stage "wharehouse": did you mean',
        13,
      ],
      ['{ warehouse: { thread: 2 } }', 'thread: unknown key "thread": did you mean "threads"?', 26],
      ['{ warehouse: { threads: 0 } }', 'threads: Too small', 26],
      ['{ warehouse: { run: batch-load } }', 'run: unknown key "run": known here: loaders', 26],
    ] as const) {
      expect(() => of(stages), stages).toThrow(`${message}`);
      expect(() => of(stages), stages).toThrow(`at x.yaml:7:${column}`);
    }
  });

  test('traffic for a stream without a table is refused, with line and column of each', () => {
    edit('pipeline.yaml', / {2}(cart|loyalty): .*carries.*\n/g, '');
    const scenario = (traffic: string) => ({
      ...parseScenario(
        `name: x\nretail: { stores: 1 }\npipeline: { use: ./mine }\ntraffic:\n${traffic}phases: [{ name: one, for: 1s }]\n`,
        { file: 'x.yaml' },
      ),
      file: 'x.yaml',
    });
    expect(pipelineFor(scenario('  pos: {}\n  wms: {}\n'), dir).manifest.name).toBe('cdc-upsert');
    const refused = () =>
      pipelineFor(scenario('  pos: {}\n  cart: { sessions: 1/s }\n  loyalty: {}\n'), dir);
    expect(refused).toThrow(expect.objectContaining({ exitCode: 2 }));
    for (const [stream, line] of [
      ['cart', 6],
      ['loyalty', 7],
    ] as const) {
      expect(refused).toThrow(
        `traffic.${stream}: the pipeline cdc-upsert has no dataset that carries ${stream}, only pos, wms, inventory`,
      );
      expect(refused).toThrow(`at x.yaml:${line}:3`);
    }
    expect(refused).toThrow('2 problems');
    expect(refused).toThrow('mine/pipeline.yaml');
  });

  test('a scenario names engines that the pipeline has queries for', () => {
    const of = (engine: string) => {
      const text = `name: x\nretail: { stores: 1 }\npipeline: { use: ./mine }\ntraffic: { pos: {} }\nqueries: { engine: ${engine} }\nphases: [{ name: one, for: 1s }]\n`;
      const parsed = { ...parseScenario(text, { file: 'x.yaml' }), file: 'x.yaml' };
      const pipeline = pipelineFor(parsed, dir);
      const engines = enginesUsed(pipeline.manifest, parsed.scenario);
      return queriesUsed(pipeline, engines).map(({ name, engine }) => `${name} ${engine}`);
    };
    expect(of('spark')).toHaveLength(6);
    const both = of('[spark, duckdb]');
    expect(both).toHaveLength(12);
    expect(both.slice(5, 7)).toEqual(['full-aggregate spark', 'store-lookup duckdb']);
    expect(of('[trino]')).toEqual(of('duckdb').map((one) => one.replace('duckdb', 'trino')));
    for (const [engine, message] of [
      ['presto', '"presto" is not one of the choices: known here: duckdb, spark, trino'],
      ['[duckdb, sprak]', '"sprak" is not one of the choices: did you mean "spark"?'],
      ['[duckdb, duckdb]', '["duckdb","duckdb"] must be a list that names each engine once'],
      ['[]', '[] must be a list with an engine'],
    ] as const) {
      expect(() => of(engine)).toThrow(message);
      expect(() => of(engine)).toThrow(/at x\.yaml:5:(20|29)/);
    }
    edit('pipeline.yaml', 'engine: [duckdb, spark, trino]', 'engine: duckdb');
    edit('pipeline.yaml', /file:\n +duckdb: (\S+)(\n +(spark|trino): \S+)+/, 'file: $1');
    expect(of('duckdb')).toHaveLength(6);
    expect(() => of('[duckdb, spark]')).toThrow(
      /queries\.engine: the pipeline cdc-upsert has no queries for spark, only for duckdb: .* mine\/pipeline\.yaml\n {2}at x\.yaml:5:20/,
    );
  });

  test('checks name the datasets of the pipeline, or a stream that one carries', () => {
    edit('pipeline.yaml', '  inventory:   {', '  stock:       {');
    const checked = (...checks: readonly string[]) => {
      const text = `name: x\nretail: { stores: 1 }\npipeline: { use: ./mine }\ntraffic: { pos: {}, inventory: {} }\nphases: [{ name: one, for: 1s }]\nchecks:\n${checks.map((one) => `  - ${one}\n`).join('')}`;
      const parsed = parseScenario(text, { file: 'x.yaml' });
      return () => pipelineFor({ ...parsed, file: 'x.yaml' }, dir);
    };
    const good = ['staleness(inventory).p50 < 5s', 'age(stock).max < 5s', 'files(stock) < 100'];
    expect(checked(...good)).not.toThrow();
    expect(checked('files(dead_letter) < 100')).not.toThrow();
    const bad = checked(
      'files(inventory) < 100',
      'staleness(stok).p50 < 5s',
      'age(dead_letter).max < 5s',
    );
    expect(bad).toThrow(expect.objectContaining({ exitCode: 2 }));
    for (const message of [
      'checks[0]: no dataset "inventory" in this pipeline: inventory is carried by stock, so write files(stock)\n  at x.yaml:7:11',
      'checks[1]: no dataset "stok" in this pipeline: did you mean "stock"?\n  at x.yaml:8:15',
      'checks[2]: no dataset "dead_letter" in this pipeline: known here: pos, stock, inventory\n  at x.yaml:9:9',
    ]) {
      expect(bad).toThrow(message);
    }
  });

  test('a file that is missing is named', () => {
    rmSync(join(dir, 'mine', 'queries', 'revenue.sql'));
    expect(load).toThrow(/cannot read .*revenue\.sql/);
    expect(() => loadPipeline('./yours', dir)).toThrow('there is no pipeline folder ./yours');
    expect(() => loadPipeline('cdc-upsrt', dir)).toThrow('did you mean "cdc-upsert"?');
  });
});

test('hot-view has the tables, the jobs and the queries of cdc-upsert, and a view next to them', () => {
  const of = (name: string) => join(packageRoot, 'pipelines', name);
  const sql = readdirSync(of('hot-view'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.sql'),
  );
  expect(sql.length).toBeGreaterThan(6);
  for (const file of sql) {
    const [own, other] = ['hot-view', 'cdc-upsert'].map((name) =>
      readFileSync(join(of(name), file), 'utf8'),
    );
    expect(own, file).toBe(other);
  }
  const { datasets } = loadPipeline('hot-view', packageRoot).manifest;
  const others = loadPipeline('cdc-upsert', packageRoot).manifest.datasets;
  expect(datasets.filter(({ visibility }) => visibility === 'iceberg')).toEqual(others);
  expect(datasets.filter(({ visibility }) => visibility === 'redis')).toMatchObject([
    { name: 'hot_stock', semantics: 'upsert', subset: 'hot' },
  ]);
});
