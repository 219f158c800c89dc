import { refusedTopic } from './captured.ts';
import type { Submission } from './submissions.ts';
import type { Topology, TopologyDataset } from './topology.ts';

/** Renders a topology as text, as the SQL of its jobs, or as a Mermaid diagram. Pure. */

/** The SQL of a pipeline: statements to run before the jobs, then those of the jobs. */
export interface ExplainedSql {
  readonly tables: readonly Pick<Submission, 'source' | 'text'>[];
  readonly jobs: readonly Submission[];
}

/** The topology as text. `wrap` wraps a paragraph to the lines of a terminal; `command` is the command that prints it. */
export function explainText(
  topology: Topology,
  sql: ExplainedSql,
  { wrap, command }: { readonly wrap: (text: string) => string; readonly command: string },
): string {
  const { name, tier, headline, about, datasets, stages, compaction, queries } = topology;
  const generated = sql.jobs.filter((one) => one.generated).length;
  const own = sql.jobs.length - generated + sql.tables.length;
  const sections = [
    wrap(`${name} (tier ${tier}): ${headline}`),
    wrap(about.replace(/\s+/g, ' ')),
    table(
      ['STAGE', 'RUNS', 'READS', 'WRITES', 'STATE KEPT'],
      stages.map((stage) => [
        stage.name,
        stage.run,
        [
          ...stage.captures.map((name) => `database ${name}`),
          ...stage.topics.map((topic) => `topic ${topic}`),
          ...stage.reads,
        ].join(', '),
        [...publishedText(stage.publishes), ...stage.writes].join(', '),
        stateText(stage.stateTtl),
      ]),
    ),
    table(
      ['DATASET', 'CARRIES', 'ROWS'],
      datasets.map((one) => [one.name, one.carries, `${one.semantics}: ${rowText(one)}`]),
    ),
    table(
      ['QUERY', 'READS', 'PARAMETERS'],
      queries.map((query) => [
        query.name,
        query.reads.join(', '),
        query.parameters.map((parameter) => `$${parameter}`).join(' '),
      ]),
    ),
    `Compaction: ${compaction.kinds.join(', ')}${
      compaction.rewrites.length === 0
        ? ''
        : `; compact.sql rewrites ${compaction.rewrites.join(', ')}`
    }`,
    generated + own === 0
      ? `${command} --mermaid prints a diagram.`
      : `SQL: ${generated} generated statements (settings and the decoding of each stream), ${own} of the folder.\n` +
        `     ${command} --sql prints them, --mermaid a diagram.`,
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** One topic by its name; the diagram names those of many. */
function publishedText(topics: readonly string[]): readonly string[] {
  if (topics.length < 2) return topics.map((topic) => `topic ${topic}`);
  const refused = refusedTopic('');
  const own = topics.filter((topic) => !topic.endsWith(refused));
  return [`${own.length} topics`, ...(own.length < topics.length ? [`*${refused}`] : [])];
}

function stateText(ttl: string | null): string {
  return ttl === null || /^0\b/.test(ttl) ? 'for ever' : ttl;
}

function rowText({ key, version, subset, copies }: TopologyDataset): string {
  const columns = key.join(', ');
  if (copies === 'kept') {
    const order = version === null ? '' : `; ${version} orders them`;
    return `every copy, by ${columns}${order}`;
  }
  if (version === null) return `the first per ${columns}`;
  return `by ${columns}; ${version} orders them${subset === undefined ? '' : `; ${subset} rows only`}`;
}

/** Left-aligned columns under a head, two spaces apart. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Every statement in the order of submission, each below a comment with its source. */
export function explainSql({ tables, jobs }: ExplainedSql): string {
  return [...tables, ...jobs].map(({ source, text }) => `-- ${source}\n${text};\n`).join('\n');
}

/** A Mermaid flowchart: topics → stages → datasets → queries; a dotted arrow carries rejected records. */
export function explainMermaid({ datasets, stages, queries, compaction }: Topology): string {
  const captured = stages.flatMap((stage) => stage.captures);
  const topics = [...new Set(stages.flatMap((stage) => [...stage.publishes, ...stage.topics]))];
  const tables = [
    ...new Set([...datasets.map(({ name }) => name), ...stages.flatMap(({ writes }) => writes)]),
  ];
  const rejected = datasets.filter(({ carries }) => carries === 'rejected').map(({ name }) => name);
  const group = (title: string, nodes: readonly string[]) =>
    nodes.length === 0
      ? []
      : [`  subgraph ${title}`, ...nodes.map((node) => `    ${node}`), '  end'];
  const compacts = compaction.kinds.includes('spark') ? compaction.rewrites : [];
  const lines = [
    'flowchart LR',
    ...group(
      'database',
      captured.map((name) => `${id('captured', name)}[("${name}")]`),
    ),
    ...group(
      'topics',
      topics.map((name) => `${id('topic', name)}[/"${name}"/]`),
    ),
    ...group(
      'stages',
      stages.map(({ name, run }) => `${id('stage', name)}["${name}<br/>${run}"]`),
    ),
    ...group(
      'datasets',
      tables.map((name) => `${id('dataset', name)}[("${name}")]`),
    ),
    ...group(
      'queries',
      queries.map(({ name }) => `${id('query', name)}(["${name}"])`),
    ),
    ...stages.flatMap(({ name, captures, publishes, topics: from, reads, writes }) => [
      ...captures.map((one) => arrow(id('captured', one), id('stage', name))),
      ...publishes.map((topic) => arrow(id('stage', name), id('topic', topic))),
      ...from.map((topic) => arrow(id('topic', topic), id('stage', name))),
      ...reads.map((one) => arrow(id('dataset', one), id('stage', name))),
      ...writes.map((one) =>
        rejected.includes(one)
          ? `  ${id('stage', name)} -. rejected .-> ${id('dataset', one)}`
          : arrow(id('stage', name), id('dataset', one)),
      ),
    ]),
    ...queries.flatMap(({ name, reads }) =>
      reads.map((one) => arrow(id('dataset', one), id('query', name))),
    ),
    ...(compacts.length === 0 ? [] : ['  compaction["compact.sql<br/>spark"]']),
    ...compacts.map((one) => `  compaction -. rewrites .-> ${id('dataset', one)}`),
  ];
  return lines.join('\n');
}

function arrow(from: string, to: string): string {
  return `  ${from} --> ${to}`;
}

/** A node's identifier: Mermaid takes letters, digits and underscores. */
function id(kind: string, name: string): string {
  return `${kind}_${name.replace(/\W/g, '_')}`;
}
