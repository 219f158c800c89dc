import { badInput } from '../../core/errors.ts';
import { quoted } from '../../core/sql.ts';
import { suggest } from '../../scenario/problems.ts';
import type { PipelineUse } from '../../scenario/scenario.ts';
import type { KafkaAccess } from '../clients/endpoints.ts';
import { flinkKafkaOptions } from '../clients/kafka-security.ts';
import type { RunNamespace } from '../run-namespace.ts';

/** Placeholders `${…}` of a pipeline's SQL, with the scenario key of each. */
const PLACEHOLDERS = {
  kafka_brokers: 'the stack',
  kafka_security: 'stack.external.kafka_security',
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
/** Empty but for a secured cluster, where `requireSecuredSources` has it used. */
const SECURED: Placeholder = 'kafka_security';
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
  const ownSource = files.some(hasKafkaSource);
  const notNeeded = [
    SECURED,
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
  kafka: KafkaAccess,
  place: RunNamespace,
): PlaceholderValues {
  const { compaction } = use;
  return {
    kafka_brokers: kafka.brokers.join(','),
    kafka_security: sqlOptions(flinkKafkaOptions(kafka)),
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

/** Further options after that of the brokers; empty if there are none. */
function sqlOptions(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .map(([key, value]) => `,\n  ${quoted(key)} = ${quoted(value)}`)
    .join('');
}

function hasKafkaSource({ text }: SqlFile): boolean {
  return /'connector'\s*=\s*'(?:upsert-)?kafka'/i.test(text);
}

/**
 * Throws DoorbusterError (exit 2) for a file with a Kafka source of its own that a secured cluster would refuse, since it does
 * not use `${kafka_security}`.
 */
export function requireSecuredSources(files: readonly SqlFile[]): void {
  const open = files.find((file) => hasKafkaSource(file) && !file.text.includes(`\${${SECURED}}`));
  if (open === undefined) return;
  throw badInput(
    `${open.path}:1: a Kafka source without \${${SECURED}}, and stack.external.kafka_security is set`,
    `'properties.bootstrap.servers' = '\${kafka_brokers}'\${${SECURED}},`,
  );
}
