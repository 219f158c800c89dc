import { WIRE, type WireType } from '../../../generators/wire-schema.ts';
import type { Stream } from '../../../scenario/scenario.ts';
import { type Dataset, holdsRejected } from '../../../topology/dataset.ts';
import type { StageUse } from '../../../topology/stages.ts';
import { catalogProperties } from '../../clients/catalog-options.ts';
import type { Endpoints } from '../../clients/endpoints.ts';
import type { RunNamespace } from '../../run-namespace.ts';
import { topicOf } from '../../run-namespace.ts';

/** A connector, and what is needed to know how far it is. */
export interface Connector {
  readonly name: string;
  /** null: it copies the dead letters of the others into their table. */
  readonly stream: Stream | null;
  /** Its consumer group. */
  readonly group: string;
  /** The topic by which its coordinator and its tasks agree on a commit. */
  readonly control: string;
  readonly config: Readonly<Record<string, string>>;
}

interface ConnectorsOf {
  readonly stage: Extract<StageUse, { run: 'kafka-connect' }>;
  readonly datasets: readonly Dataset[];
  readonly streams: readonly Stream[];
  readonly place: RunNamespace;
  readonly endpoints: Pick<Endpoints, 'catalog' | 's3' | 'internal'>;
  readonly commitEveryMs: number;
  readonly parallelism: number;
}

/** Name of the connector of the dead letters, after the prefix of the run. */
const REJECTED_CONNECTOR = 'dead-letters';

/** Topic to which Connect sends what it could not decode of a topic. */
export function deadLetterTopic(place: RunNamespace, stream: Stream): string {
  return `${topicOf(place, stream)}-dead`;
}

/** The connectors of a stage: one per stream, and one for the dead letters. */
export function connectorsOf(of: ConnectorsOf): readonly Connector[] {
  const { datasets, streams, place, stage } = of;
  const tables = (wanted: (dataset: Dataset) => boolean) =>
    datasets.filter(wanted).map(({ name }) => `${place.namespace}.${name}`);
  const sinks = streams.map((stream) => {
    const dead = deadLetterTopic(place, stream);
    return sink(of, {
      ...{ name: stream, stream, tasks: stage.tasks ?? of.parallelism },
      reads: [topicOf(place, stream)],
      tables: tables(({ carries }) => carries === stream),
      settings: {
        ...JSON_VALUES,
        ...transforms(recordTransforms(stream)),
        'errors.tolerance': 'all',
        'errors.deadletterqueue.topic.name': dead,
        'errors.deadletterqueue.topic.replication.factor': '1',
        'errors.deadletterqueue.context.headers.enable': 'true',
      },
    });
  });
  const letters = sink(of, {
    ...{ name: REJECTED_CONNECTOR, stream: null, tasks: 1 },
    reads: streams.map((stream) => deadLetterTopic(place, stream)),
    tables: tables(holdsRejected),
    settings: { ...BYTES, ...letterTransforms(place, streams) },
  });
  return [...sinks, letters];
}

const JSON_VALUES = {
  'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
  'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
  'value.converter.schemas.enable': 'false',
};
const BYTES = {
  'key.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
  'value.converter': 'org.apache.kafka.connect.converters.ByteArrayConverter',
  'header.converter': 'org.apache.kafka.connect.storage.StringConverter',
};

function sink(
  { stage, place, endpoints, commitEveryMs }: ConnectorsOf,
  own: {
    readonly name: string;
    readonly stream: Stream | null;
    readonly tasks: number;
    readonly reads: readonly string[];
    readonly tables: readonly string[];
    readonly settings: Readonly<Record<string, string>>;
  },
): Connector {
  const { catalog, s3, internal } = endpoints;
  const { stream, reads } = own;
  const name = `${place.topicPrefix}${own.name}`;
  const [group, control] = [`${name}-sink`, `${name}-control`];
  const properties = catalogProperties(catalog, {
    ...{ catalog: internal.catalog, s3: internal.s3, region: s3.region },
  });
  const config = {
    'connector.class': 'org.apache.iceberg.connect.IcebergSinkConnector',
    'tasks.max': String(own.tasks),
    topics: reads.join(','),
    'iceberg.tables': own.tables.join(','),
    'iceberg.control.topic': control,
    'iceberg.control.group-id-prefix': `${name}-control-`,
    'iceberg.control.commit.interval-ms': String(commitEveryMs),
    'iceberg.control.commit.timeout-ms': String(stage.commit_timeout_ms),
    'iceberg.connect.group-id': group,
    'consumer.override.group.id': group,
    'consumer.override.isolation.level': 'read_committed',
    // The default of 45 s is how long a killed worker would keep its partitions.
    'consumer.override.session.timeout.ms': '10000',
    'iceberg.kafka.session.timeout.ms': '10000',
    'iceberg.catalog.type': 'rest',
    ...prefixed('iceberg.catalog.', properties),
    ...own.settings,
    ...stage.settings,
  };
  return { name, stream, group, control, config };
}

type Transform = Readonly<Record<string, string>>;

const CASTS: Readonly<Record<WireType, string | null>> = {
  STRING: null,
  INT: 'int32',
  BIGINT: 'int64',
  BOOLEAN: 'boolean',
};

/**
 * What happens to a record between its decoding and the sink. A value of a wrong type fails in the cast, and the record
 * goes to the dead letters; in the sink it would end the task.
 */
function recordTransforms(stream: Stream): Readonly<Record<string, Transform>> {
  const { at, fields } = WIRE[stream];
  const casts = fields.flatMap(({ name, type, need }) =>
    need === 'unread' || CASTS[type] === null ? [] : [`${name}:${CASTS[type]}`],
  );
  return {
    ...(at === '$' ? {} : { row: { type: kafka('ExtractField'), field: at.slice(2) } }),
    types: { type: kafka('Cast'), spec: casts.join(',') },
    appended: { type: kafka('InsertField'), 'timestamp.field': 'kafka_ms' },
  };
}

/** Headers of a dead letter, and the columns that they become. */
const HEADERS = {
  '__connect.errors.partition': 'part',
  '__connect.errors.offset': 'kafka_offset',
  '__connect.errors.exception.message': 'reason',
};

function letterTransforms(place: RunNamespace, streams: readonly Stream[]): Transform {
  const all = {
    payload: { type: kafka('HoistField'), field: 'payload' },
    place: {
      type: 'io.debezium.transforms.HeaderToValue',
      headers: Object.keys(HEADERS).join(','),
      fields: Object.values(HEADERS).join(','),
      operation: 'copy',
    },
    ...Object.fromEntries(
      streams.map((stream) => [
        `of_${stream}`,
        {
          ...{ type: kafka('InsertField'), 'static.field': 'topic', 'static.value': stream },
          predicate: `is_${stream}`,
        },
      ]),
    ),
  };
  const predicates = Object.fromEntries(
    streams.flatMap((stream) => [
      [
        `predicates.is_${stream}.type`,
        'org.apache.kafka.connect.transforms.predicates.TopicNameMatches',
      ],
      [`predicates.is_${stream}.pattern`, deadLetterTopic(place, stream).replaceAll('.', '\\.')],
    ]),
  );
  return {
    ...transforms(all),
    predicates: streams.map((stream) => `is_${stream}`).join(','),
    ...predicates,
  };
}

function kafka(transform: string): string {
  return `org.apache.kafka.connect.transforms.${transform}$Value`;
}

/** Settings of transforms, in this order. */
function transforms(named: Readonly<Record<string, Transform>>): Transform {
  return {
    transforms: Object.keys(named).join(','),
    ...Object.assign(
      {},
      ...Object.entries(named).map(([name, own]) => prefixed(`transforms.${name}.`, own)),
    ),
  };
}

function prefixed(prefix: string, settings: Transform): Transform {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`${prefix}${key}`, value]),
  );
}
