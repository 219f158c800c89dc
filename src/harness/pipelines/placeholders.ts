import { badInput } from '../../core/errors.ts';
import { suggest } from '../../scenario/problems.ts';
import type { PipelineUse } from '../../scenario/scenario.ts';
import type { RunNamespace } from '../run-namespace.ts';

/** Placeholders `${…}` of a pipeline's SQL, with the scenario key of each. */
const PLACEHOLDERS = {
  kafka_brokers: 'the stack',
  topic_prefix: 'where the run is on a stack',
  namespace: 'where the run is on a stack',
  commit_every_ms: 'pipeline.commit_every',
  parallelism: 'pipeline.parallelism',
  format: 'pipeline.format',
  compact_in_sink: 'pipeline.compaction.by',
  compact_every_s: 'pipeline.compaction.every',
} as const;

type Placeholder = keyof typeof PLACEHOLDERS;
type PlaceholderValues = Readonly<Record<Placeholder, string>>;

/** One SQL file of a pipeline, unchanged. */
export interface SqlFile {
  /** Its name in messages. */
  readonly path: string;
  readonly text: string;
}

const PATTERN = /\$\{([^}\n]*)\}/g;

/** Placeholders that only a pipeline with compaction in its sink needs. */
const SINK_PLACEHOLDERS: readonly Placeholder[] = ['compact_in_sink', 'compact_every_s'];
/** Placeholders of the generated sources: only a pipeline that declares its own Kafka source needs them. */
const SOURCE_PLACEHOLDERS: readonly Placeholder[] = ['kafka_brokers', 'topic_prefix'];

/**
 * Throws DoorbusterError (exit 2) for an unknown placeholder, with file and line, and for one that no
 * file uses, because its scenario key would silently have no effect.
 */
export function checkPlaceholders(files: readonly SqlFile[], compactsInSink: boolean): void {
  const used = new Set<string>();
  for (const file of files) {
    for (const { name, line } of placeholdersOf(file.text)) {
      if (!Object.hasOwn(PLACEHOLDERS, name)) {
        throw badInput(
          `${file.path}:${line}: unknown placeholder \${${name}}`,
          suggest(name, Object.keys(PLACEHOLDERS)),
        );
      }
      used.add(name);
    }
  }
  const ownSource = files.some(({ text }) => /'connector'\s*=\s*'(?:upsert-)?kafka'/i.test(text));
  const notNeeded = [
    ...(compactsInSink ? [] : SINK_PLACEHOLDERS),
    ...(ownSource ? [] : SOURCE_PLACEHOLDERS),
  ];
  for (const [name, key] of Object.entries(PLACEHOLDERS)) {
    if (used.has(name) || notNeeded.includes(name as Placeholder)) continue;
    throw badInput(
      `${files.map((file) => `${file.path}:1`).join(', ')}: no \${${name}} in there, so ${key} would have no effect`,
      `use \${${name}} in ${files[0]?.path}`,
    );
  }
}

/**
 * Throws DoorbusterError (exit 2) for a query with another placeholder than `${namespace}`, or without
 * it: such a query would read another run's tables, or none.
 */
export function checkQueryPlaceholders(file: SqlFile): void {
  const names = [...placeholdersOf(file.text)];
  const odd = names.find(({ name }) => name !== 'namespace');
  if (odd !== undefined) {
    throw badInput(
      `${file.path}:${odd.line}: a query has no \${${odd.name}}, only \${namespace}`,
      'its own parameters are written $store, $sku, $now_ms',
    );
  }
  if (names.length > 0) return;
  throw badInput(
    `${file.path}:1: no \${namespace} in there, so it would not read the tables of its run`,
    `FROM ice.\${namespace}.my_table`,
  );
}

/** The text with every placeholder replaced; all of them have been checked. */
export function fillPlaceholders(
  { text }: Pick<SqlFile, 'text'>,
  values: Partial<PlaceholderValues>,
): string {
  return text.replace(PATTERN, (whole, name: string) => values[name as Placeholder] ?? whole);
}

/** Values of the placeholders in one run. */
export function placeholderValues(
  use: PipelineUse,
  brokers: readonly string[],
  place: RunNamespace,
): PlaceholderValues {
  const { compaction } = use;
  return {
    kafka_brokers: brokers.join(','),
    topic_prefix: place.topicPrefix,
    namespace: place.namespace,
    commit_every_ms: String(use.commitEveryMs),
    parallelism: String(use.parallelism),
    format: String(use.format),
    compact_in_sink: String(compaction.by === 'flink'),
    // Only used if the sink compacts, but Flink requires a number.
    compact_every_s: String(compaction.by === 'flink' ? compaction.everyMs / 1_000 : 60),
  };
}

function* placeholdersOf(text: string): Generator<{ name: string; line: number }> {
  for (const match of text.matchAll(PATTERN)) {
    yield { name: match[1] as string, line: text.slice(0, match.index).split('\n').length };
  }
}
